"""Addresses, signatures, pauses and ids of streams."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from audit.streaming.address import LONGEST, checked, place
from audit.streaming.signing import headers
from audit.streaming.stream import LONGEST_PAUSE, PATIENCE, Attempt, Claimed, is_over, message_id, pause
from core.errors import InvalidInput
from core.ids import WorkspaceId

OLD, NEW = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
BODY = '{"type":"audit.entries","data":{"name":"né 会"}}'.encode()


def test_during_a_rotation_either_secret_verifies_and_no_other() -> None:
    now = int(datetime.now(UTC).timestamp())
    told = headers([NEW, OLD], "org_x_0_7", now, BODY)
    assert len(told["webhook-signature"].split(" ")) == 2
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(BODY.decode(), told)
    for wrong in (
        headers([f"whsec_{base64.b64encode(bytes(32)).decode()}"], "org_x_0_7", now, BODY),
        {**told, "webhook-id": "org_x_0_8"},
        {**told, "webhook-timestamp": str(now + 1)},
        headers([NEW], "org_x_0_7", now, BODY.replace(b"x", b"y") + b" "),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(BODY.decode(), wrong)


def test_what_is_no_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        headers(["secret"], "id", 1, BODY)


@pytest.mark.parametrize(
    "address",
    [
        "https://siem.example.com",
        "https://siem.example.com/",
        "https://siem.example.com:8088/services/collector/raw",
        "https://a.b-c.example:8443/x/%C3%A9;v=1,2",
        " https://siem.example.com:443/in ",
    ],
)
def test_addresses_that_a_log_may_be_sent_to(address: str) -> None:
    assert checked(address) == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "siem.example.com",
        "http://siem.example.com",
        "https://",
        "https://siem",
        "https://localhost",
        "https://localhost:1/siem",
        "https://10.0.0.1/in",
        "https://127.1",
        "https://0x7f.1",
        "https://2130706433",
        "https://[::1]/in",
        "https://user@siem.example.com",
        "https://siem.example.com@evil.example",
        "https://siem.example.com\\@evil.example",
        "https://siem.example.com:22",
        "https://siem.example.com:0443",
        "https://siem.example.com/?token=1",
        "https://siem.example.com/#x",
        "https://siem.example.com./in",
        "https://SIEM.example.com",
        "https://siem..example.com",
        "https://siem.example.com/\r\nhost: evil.example",
        "https://siem.example.com/a b",
        f"https://siem.example.com/{'x' * LONGEST}",
    ],
)
def test_addresses_that_no_log_is_sent_to(address: str) -> None:
    with pytest.raises(InvalidInput):
        checked(address)
    with pytest.raises(InvalidInput):
        checked(address, "https://localhost:2/siem")


def test_a_sandbox_is_itself_and_nothing_beside_it() -> None:
    sandbox = "https://localhost:1/siem"
    assert checked(f"{sandbox}/mine", sandbox) == f"{sandbox}/mine"
    for beside in ("https://localhost:1/siemens", "https://localhost:1/gong", "https://localhost:12/siem"):
        with pytest.raises(InvalidInput):
            checked(beside, sandbox)


def test_the_log_is_told_of_the_host_only() -> None:
    assert place("https://siem.example.com:8088/a/secret/path") == "https://siem.example.com:8088"


def test_pauses_grow_to_an_hour_and_no_two_are_alike() -> None:
    rng = Random(1)
    drawn = [[pause(attempt, rng) for _ in range(50)] for attempt in range(1, 40)]
    for attempt, pauses in enumerate(drawn, 1):
        longest = min(LONGEST_PAUSE, 5 * 2.0 ** (attempt - 1))
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
    assert pause(10_000, rng) <= LONGEST_PAUSE
    assert pause(1, rng, 600.0) == 600.0
    assert pause(1, rng, 1e9) == LONGEST_PAUSE


def test_it_is_given_up_after_three_days_or_when_the_endpoint_says_so() -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)
    failed, gone = Attempt(False, 500, "", 1), Attempt(False, 410, "", 1)
    claimed = Claimed("", 0, 1, 5, began)
    assert not is_over(claimed, failed, began + PATIENCE - timedelta(seconds=1))
    assert is_over(claimed, failed, began + PATIENCE)
    assert is_over(claimed, gone, began)
    assert not is_over(Claimed("", 0, 1, 0, None), failed, began + PATIENCE)


def test_a_message_has_one_id_which_holds_no_full_stop() -> None:
    """The signed text is joined by full stops: an id with one could be taken apart in two ways."""
    one, two = WorkspaceId("org_a"), WorkspaceId("org_b")
    ids = [message_id(*each) for each in ((one, 0, 1), (one, 0, 11), (one, 1, 11), (two, 0, 1))]
    assert len(set(ids)) == 4
    assert not any("." in each for each in ids)
