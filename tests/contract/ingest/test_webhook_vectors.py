"""The published signing vectors of Stripe, HubSpot, Slack and Gong, each with its neighbours that must not pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from ingest.domain.webhooks import Reason
from ingest.webhooks import gong, hubspot, slack, stripe
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.refusal import Refused
from integration.ingest import senders

VECTORS = Path(__file__).resolve().parents[4] / "shared/specs/webhook_vectors.json"

Vector = dict[str, Any]


@pytest.fixture(scope="module")
def vectors() -> Vector:
    """All of them."""
    if not VECTORS.is_file():
        pytest.skip("webhook_vectors.json is not beside the project (../shared/specs): vectors not checked")
    found: Vector = json.loads(VECTORS.read_text("utf-8"))
    return found


def arrival(headers: dict[str, str], body: str, seconds: float, later: float = 0) -> Arrival:
    """As it comes in `later` seconds after it was signed."""
    return Arrival(headers, body.encode(), datetime.fromtimestamp(seconds, UTC) + timedelta(seconds=later))


def refused(check: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        check()
    return caught.value.reason


WINDOW = pytest.mark.parametrize(
    ("later", "reason"), [(-300, None), (0, None), (300, None), (301, Reason.TOO_OLD), (-301, Reason.TOO_NEW)]
)


def judged(check: Callable[[], object], reason: Reason | None) -> None:
    """Passes without a reason, is refused for it with one."""
    if reason is None:
        check()
    else:
        assert refused(check) is reason


@WINDOW
@pytest.mark.parametrize("header", ["header", "header_rotated"])
def test_stripe(vectors: Vector, header: str, later: float, reason: Reason | None) -> None:
    vector = vectors["stripe"]
    came = arrival({"stripe-signature": vector[header]}, vector["payload"], vector["timestamp"], later)
    judged(lambda: stripe.check_signature([vector["secret"]], came), reason)


@pytest.mark.parametrize(
    "header", ["header_bad", None, "t=1700000000", "v1=00", "t=x,v1=00", "t=²,v1=00", ",,,", "t=1e9,v1="]
)
def test_what_is_not_stripes(vectors: Vector, header: str | None) -> None:
    vector = vectors["stripe"]
    given = vector[header] if header == "header_bad" else header or ""
    came = arrival({"stripe-signature": given}, vector["payload"], vector["timestamp"])
    assert refused(lambda: stripe.check_signature([vector["secret"]], came)) in Reason


def test_stripes_secret_is_the_whole_text(vectors: Vector) -> None:
    vector = vectors["stripe"]
    came = arrival({"stripe-signature": vector["header"]}, vector["payload"], vector["timestamp"])
    bare = vector["secret"].removeprefix("whsec_")
    assert refused(lambda: stripe.check_signature([bare], came)) is Reason.WRONG_SIGNATURE
    stripe.check_signature([bare, vector["secret"]], came)


@WINDOW
def test_slack(vectors: Vector, later: float, reason: Reason | None) -> None:
    vector = vectors["slack_v0"]
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    came = arrival(headers, vector["body"], int(vector["timestamp"]), later)
    judged(lambda: slack.check_signature([vector["signing_secret"]], came), reason)


def hubspot_headers(timestamp: str, signature: str) -> dict[str, str]:
    return {"x-hubspot-request-timestamp": timestamp, "x-hubspot-signature-v3": signature}


@WINDOW
@pytest.mark.parametrize("second", [False, True])
def test_hubspot(vectors: Vector, second: bool, later: float, reason: Reason | None) -> None:
    whole = vectors["hubspot"]
    vector = whole["v3_second"] if second else whole
    headers = hubspot_headers(vector["timestamp"], vector["v3"])
    came = arrival(headers, vector["body"], int(vector["timestamp"]) / 1000, later)
    judged(lambda: hubspot.check_signature([whole["client_secret"]], vector["url"], came), reason)


@pytest.mark.parametrize("version", ["v1", "v2", "v2_get_empty_body"])
def test_hubspots_earlier_versions_are_refused(vectors: Vector, version: str) -> None:
    vector = vectors["hubspot"]
    seconds = int(vector["timestamp"]) / 1000
    as_sent = arrival({"x-hubspot-signature": vector[version]}, vector["body"], seconds)
    as_v3 = arrival(hubspot_headers(vector["timestamp"], vector[version]), vector["body"], seconds)
    for came, reason in ((as_sent, Reason.NO_SIGNATURE), (as_v3, Reason.WRONG_SIGNATURE)):
        assert refused(lambda c=came: hubspot.check_signature([vector["client_secret"]], vector["url"], c)) is reason  # type: ignore[misc]


def test_what_hubspot_decodes_in_an_address() -> None:
    assert (
        hubspot.signed_address("https://a.example/x?b=%3a%2F%3F%40%21%24%27%28%29%2A%2C%3B")
        == "https://a.example/x?b=:/?@!$'()*,;"
    )
    # Everything else stays as it is, what would then be decoded twice as well.
    for kept in ("%20", "%26", "%3D", "%25", "%253A", "%C3%A9", "+"):
        assert hubspot.signed_address(f"https://a.example/?q={kept}") == f"https://a.example/?q={kept}"


@pytest.mark.parametrize("bearer", ["", "Bearer "])
@pytest.mark.parametrize("armour", [False, True])
@WINDOW
def test_gong(vectors: Vector, bearer: str, armour: bool, later: float, reason: Reason | None) -> None:
    vector = vectors["gong_jwt"]
    key = gong.public_key(vector["public_key_pem" if armour else "public_key_as_shown_in_gong_ui"])
    came = arrival({"authorization": bearer + vector["jwt"]}, vector["body"], vector["claims"]["iat"], later)
    judged(lambda: gong.check_token(key, vector["webhook_url"], came), reason)


def test_gongs_body_and_address_are_the_tokens(vectors: Vector) -> None:
    vector = vectors["gong_jwt"]
    key, at = gong.public_key(vector["public_key_as_shown_in_gong_ui"]), vector["claims"]["iat"]
    headers = {"authorization": vector["jwt"]}
    other_body = arrival(headers, vector["body"] + " ", at)
    assert refused(lambda: gong.check_token(key, vector["webhook_url"], other_body)) is Reason.WRONG_BODY
    came = arrival(headers, vector["body"], at)
    assert refused(lambda: gong.check_token(key, vector["webhook_url"] + "/", came)) is Reason.WRONG_URL


def test_the_sessions_key_is_no_use_in_place_of_the_rules(vectors: Vector) -> None:
    """A token of another issuer, well signed, is not a webhook's."""
    key = gong.public_key(vectors["gong_jwt"]["public_key_as_shown_in_gong_ui"])
    came = arrival({"authorization": vectors["clerk_session_jwt"]["v2_token"]}, "{}", 1700000000)
    assert refused(lambda: gong.check_token(key, "https://x.example", came)) is Reason.MALFORMED_SIGNATURE


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "-----BEGIN PUBLIC KEY-----"]
)
def test_what_is_no_key_of_gongs(text: str) -> None:
    with pytest.raises(InvalidInput):
        gong.public_key(text)


def test_every_vector_is_read_by_some_test(vectors: Vector) -> None:
    """Clerk's, and those of session tokens, in other files. A secret in the address is not offered: whoever sees the address has it."""
    here = {"stripe", "slack_v0", "hubspot", "gong_jwt"}
    elsewhere = {"standard_webhooks_and_svix", "clerk_session_jwt"}
    assert set(vectors) == here | elsewhere | {"gong_url_key"}


def test_the_senders_of_other_tests_sign_as_published(vectors: Vector) -> None:
    """Svix', Stripe's and Slack's own libraries, and ours for HubSpot."""
    svix, stripes, slacks = vectors["standard_webhooks_and_svix"], vectors["stripe"], vectors["slack_v0"]
    second = vectors["hubspot"]["v3_second"]
    made = [
        senders.clerk(svix["payload"].encode(), _time(svix["timestamp"]), svix["secret"], svix["id"]),
        senders.stripe_event(stripes["payload"].encode(), _time(stripes["timestamp"]), stripes["secret"]),
        senders.slack(slacks["body"].encode(), _time(slacks["timestamp"]), slacks["signing_secret"]),
        senders.hubspot(
            second["body"].encode(),
            _time(int(second["timestamp"]) / 1000),
            vectors["hubspot"]["client_secret"],
            second["url"],
        ),
    ]
    assert [dict(letter.headers) for letter in made] == [
        svix["headers_svix"],
        {"stripe-signature": stripes["header"]},
        {name.lower(): value for name, value in slacks["headers"].items()},
        hubspot_headers(second["timestamp"], second["v3"]),
    ]


def _time(seconds: float | str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
