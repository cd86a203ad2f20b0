"""Clerk's signatures: the published vectors, and everything that is not quite one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput, Unauthenticated
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.clerk import check_signature, read_webhook

VECTORS = Path(__file__).resolve().parents[4] / "shared/specs/webhook_vectors.json"


@pytest.fixture
def vector() -> dict[str, str]:
    """The vector that Svix and Standard Webhooks share."""
    if not VECTORS.is_file():
        pytest.skip("webhook_vectors.json is not beside the project (../shared/specs): vectors not checked")
    found: dict[str, str] = json.loads(VECTORS.read_text("utf-8"))["standard_webhooks_and_svix"]
    return found


def _headers(vector: dict[str, str], **changes: str) -> dict[str, str]:
    headers = {
        "svix-id": vector["id"],
        "svix-timestamp": str(vector["timestamp"]),
        "svix-signature": vector["signature"],
    }
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


def _check(
    vector: dict[str, str],
    headers: dict[str, str],
    body: bytes | None = None,
    seconds: float = 0,
    secrets: tuple[str, ...] = (),
) -> str:
    now = datetime.fromtimestamp(int(vector["timestamp"]), UTC) + timedelta(seconds=seconds)
    sent = vector["payload"].encode() if body is None else body
    return check_signature(secrets or (vector["secret"],), Arrival(headers, sent, now))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_the_vector_is_taken_within_five_minutes_either_way(vector: dict[str, str], seconds: float) -> None:
    assert _check(vector, _headers(vector), seconds=seconds) == vector["id"]


def test_the_published_headers_are_taken_as_svix_names_them(vector: dict[str, Any]) -> None:
    """Clerk's webhooks carry `svix-…`; the same signature under other names is none."""
    assert _check(vector, vector["headers_svix"]) == vector["id"]
    with pytest.raises(Unauthenticated):
        _check(vector, vector["headers_standard"])


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_beyond_five_minutes_either_way_it_is_refused(vector: dict[str, str], seconds: float) -> None:
    with pytest.raises(Unauthenticated):
        _check(vector, _headers(vector), seconds=seconds)


def test_one_good_signature_among_several_is_enough(vector: dict[str, str]) -> None:
    headers = _headers(vector, svix_signature=vector["multi_signature_ok"])
    assert _check(vector, headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"svix_signature": ""},
        {"svix_signature": "nonsense"},
        {"svix_signature": "v1,é"},
        {"svix_signature": "v1,!!!"},
        {"svix_signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"svix_id": ""},
        {"svix_id": "msg_other"},
        {"svix_timestamp": ""},
        {"svix_timestamp": "1614265331"},
        {"svix_timestamp": "1614265330.0"},
        {"svix_timestamp": "9" * 40},
        {"svix_timestamp": "²"},
    ],
)
def test_altered_headers_are_refused(vector: dict[str, str], changes: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        _check(vector, _headers(vector, **changes))


@pytest.mark.parametrize("body", [b"", b'{"test": 2432232315}', b'{"test": 2432232314} ', b"\xff\xfe"])
def test_an_altered_body_is_refused(vector: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unauthenticated):
        _check(vector, _headers(vector), body)


def test_the_published_wrong_signature_is_refused(vector: dict[str, str]) -> None:
    headers = _headers(vector, svix_signature=vector["invalid_signature"])
    with pytest.raises(Unauthenticated):
        _check(vector, headers)


def test_two_secrets_overlap_while_one_takes_the_others_place(vector: dict[str, str]) -> None:
    new = "whsec_" + "A" * 32
    assert _check(vector, _headers(vector), secrets=(new, vector["secret"])) == vector["id"]
    with pytest.raises(Unauthenticated):
        _check(vector, _headers(vector), secrets=(new,))


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"type":"organization.created","data":{"id":"org_1"}}'])
def test_a_signed_body_that_cannot_be_read_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_webhook("msg_1", body)


def test_the_workspace_must_be_a_clerk_organisation() -> None:
    data = {"id": "ORG'; DROP", "name": "x", "slug": "x", "updated_at": 1}
    with pytest.raises(InvalidInput):
        read_webhook("msg_1", json.dumps({"type": "organization.created", "data": data}).encode())


def test_what_means_nothing_here_is_nothing() -> None:
    assert read_webhook("msg_1", b'{"type":"user.created","data":{"id":"user_1"}}') is None
    assert read_webhook("msg_1", b'{"type":"organization.deleted","data":{"id":"org_1","deleted":true}}') is None
