"""Connecting, replacing, disconnecting: what is stored, what is said, what is shown."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, IntegrationDisconnected, Provider
from contracts import Actor, ActorKind, Source
from integration.credential_vault.gong_key import API, KEY, PAGE, SECRET, connect, form, in_clear
from local.sandbox.clerk.people import QUILLSTONE
from local.sandbox.faults import Fault
from local.sandbox.gong.api import WRONG_KEY
from local.sandbox.vendors import Provider as Sender
from testkit.messages import said
from testkit.outside import ADMIN, GONG_PAIRS, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import every_row, raw_bytes


def changes(action: AdminAction) -> dict[str, tuple[str | None, str | None]]:
    return {
        change.field: (
            json.loads(change.before) if change.HasField("before") else None,
            json.loads(change.after) if change.HasField("after") else None,
        )
        for change in action.diff
    }


async def test_connecting_by_the_page_stores_ciphertext_and_says_so_twice(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    async with vault.browser(outside.token()) as browser:
        answer = await browser.post(f"{PAGE}/gong", data=form())
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        page = await browser.get(PAGE)
    assert page.status_code == 200
    assert "Connected" in page.text
    assert in_clear(page.content) == []

    raw = await raw_bytes(postgres_url, vault.dsns)
    assert ADMIN.user_id.encode() in raw
    assert in_clear(raw) == []

    (topic, connected), (audit_topic, audited) = await said(vault.dsns)
    assert (topic, audit_topic) == ("integrations", "audit")
    assert connected.payload == IntegrationConnected(
        provider=Provider.PROVIDER_GONG, credential_version=1, base_url=outside.gong_url
    )
    assert isinstance(audited.payload, AdminAction)
    assert changes(audited.payload) == {
        "status": (None, "connected"),
        "base_url": (None, outside.gong_url),
        "authentication": (None, "access key and secret (new pair)"),
    }
    assert audited.actor == Actor(ActorKind.USER, ADMIN.user_id, ADMIN.email, Source.WEB)


async def test_a_new_pair_replaces_the_old_one(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.program(outside.token()) as client:
        await connect(client)
        before = (await every_row(postgres_url, vault.dsns))["credentials"]
        await connect(client, *GONG_PAIRS["quillstone"])
    after = (await every_row(postgres_url, vault.dsns))["credentials"]
    assert len(before) == len(after) == 1
    assert before != after
    _, _, (_, connected), (_, audited) = await said(vault.dsns)
    assert isinstance(connected.payload, IntegrationConnected)
    assert isinstance(audited.payload, AdminAction)
    assert (connected.payload.credential_version, connected.sequence) == (2, 4)
    assert changes(audited.payload) == {
        "status": ("connected", "connected"),
        "authentication": ("access key and secret", "access key and secret (new pair)"),
    }
    assert audited.actor.source is Source.API


async def test_the_same_request_connects_once_and_nothing_of_it_is_kept(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    """What recognises the request is no hash that a pair could be tried out with: the key that it needs is not kept."""
    async with vault.program(outside.token()) as client:
        headers = {"idempotency-key": "connect-once-7f3a"}
        answers = [await client.post(f"{API}/gong", json=form(), headers=headers) for _ in range(2)]
        other = await client.post(f"{API}/gong", json=form(*GONG_PAIRS["quillstone"]), headers=headers)
    assert [one.status_code for one in (*answers, other)] == [201, 201, 422]
    assert answers[0].content == answers[1].content
    assert len(await said(vault.dsns)) == 2, "one connection and its entry in the audit log"
    raw = await raw_bytes(postgres_url, vault.dsns)
    assert in_clear(raw) == []
    sent = answers[0].request
    plain = f"{sent.url.path}\0\0{sent.content.hex()}".encode()
    for digest in (hashlib.sha256(sent.content).digest(), hashlib.sha256(plain).digest()):
        assert digest not in raw
    assert hmac.digest(b"connect-once-7f3a", plain, "sha256") in raw
    assert b"connect-once-7f3a" not in raw


async def test_disconnecting_destroys_the_ciphertext(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.browser(outside.token()) as browser:
        await browser.post(f"{PAGE}/gong", data=form())
        [row] = (await every_row(postgres_url, vault.dsns))["credentials"]
        assert row.count("\\\\x") == 2
        answer = await browser.post(f"{PAGE}/gong/disconnect")
        assert answer.status_code == 303
        again = await browser.post(f"{PAGE}/gong/disconnect")
    assert again.status_code == 404
    [row] = (await every_row(postgres_url, vault.dsns))["credentials"]
    assert "\\\\x" not in row
    assert "disconnected" in row
    events = await said(vault.dsns)
    assert len(events) == 4
    assert events[2][1].payload == IntegrationDisconnected(provider=Provider.PROVIDER_GONG, credential_version=2)
    assert isinstance(events[3][1].payload, AdminAction)
    assert changes(events[3][1].payload) == {"status": ("connected", "disconnected")}


async def test_a_reconnect_tells_the_state_before(vault: Service, outside: Outside) -> None:
    async with vault.program(outside.token()) as client:
        await connect(client)
        assert (await client.delete(f"{API}/gong")).status_code == 204
        await connect(client)
    audited = (await said(vault.dsns))[-1][1]
    assert isinstance(audited.payload, AdminAction)
    assert changes(audited.payload)["status"] == ("disconnected", "connected")
    assert audited.sequence == 6


async def test_a_wrong_key_is_not_connected_and_gongs_own_words_are_shown(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    async with vault.browser(outside.token()) as browser, vault.program(outside.token()) as client:
        page = await browser.post(f"{PAGE}/gong", data=form(KEY, "not-the-secret-of-this-key"))
        told = await client.post(f"{API}/gong", json=form("unknown-key", SECRET))
    assert page.status_code == told.status_code == 400
    assert WRONG_KEY in page.text
    assert WRONG_KEY in told.json()["detail"]
    assert "not-the-secret-of-this-key" not in page.text
    assert "unknown-key" not in told.text
    assert await every_row(postgres_url, vault.dsns) == untouched


async def test_a_wrong_key_leaves_the_connected_one_in_place(
    vault: Service, outside: Outside, postgres_url: str
) -> None:
    async with vault.program(outside.token()) as client:
        await connect(client)
        before = await every_row(postgres_url, vault.dsns)
        assert (await client.post(f"{API}/gong", json=form(KEY, "wrong"))).status_code == 400
    assert await every_row(postgres_url, vault.dsns) == before


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(provider=Sender.GONG, malformed=True), 400),
        (Fault(provider=Sender.GONG, status=404), 400),
        (Fault(provider=Sender.GONG, status=429, retry_after=3600), 503),
        (Fault(provider=Sender.GONG, status=500, count=1), 503),
        (Fault(provider=Sender.GONG, truncate=True), 503),
    ],
)
async def test_an_answer_that_is_not_gongs_yes_connects_nothing(
    vault: Service, outside: Outside, postgres_url: str, fault: Fault, status: int
) -> None:
    """Another server below gong.io answers any path; only a list of users says that the key was accepted."""
    untouched = await every_row(postgres_url, vault.dsns)
    switchboard = outside.running.sandbox.switchboard
    switchboard.arm(fault)
    try:
        async with vault.program(outside.token()) as client:
            answer = await client.post(f"{API}/gong", json=form())
    finally:
        switchboard.disarm()
    assert answer.status_code == status, answer.text
    assert await every_row(postgres_url, vault.dsns) == untouched


async def test_nothing_is_said_of_what_was_not_stored(
    vault: Service, outside: Outside, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row and events are one transaction: when the events cannot be written, the credential is not there either."""
    untouched = await every_row(postgres_url, vault.dsns)

    def refuse(point: str) -> None:
        raise RuntimeError(point)

    monkeypatch.setattr("messaging.outbox.reach", refuse)
    async with vault.program(outside.token()) as client:
        answer = await client.post(f"{API}/gong", json=form())
    assert answer.status_code == 500
    assert await every_row(postgres_url, vault.dsns) == untouched


ODD_URLS = [
    "http://api.gong.io",
    "https://user:pass@api.gong.io",
    "https://api.gong.io:8443",
    "https://127.0.0.1",
    "https://api.gong.io.",
    "https://api.gong.io.evil.example",
    "https://evilgong.io",
    "https://api.gong.io?",
    "https://api.gong.io/v2/calls",
]


async def test_an_odd_base_url_is_refused_before_anything_is_sent(
    vault: Service, outside: Outside, postgres_url: str, log_lines: list[str]
) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    async with vault.browser(outside.token()) as browser:
        for url in ODD_URLS:
            answer = await browser.post(f"{PAGE}/gong", data=form(base_url=url))
            assert (answer.status_code, url) == (400, url)
            assert "base URL must be Gong&#39;s own" in answer.text
    assert await every_row(postgres_url, vault.dsns) == untouched
    assert not [line for line in log_lines if "outbound request" in line and '"destination": "gong"' in line]


BAD_FIELDS: list[dict[str, str]] = [
    form("", SECRET),
    form(KEY, ""),
    form(" ", " "),
    {},
    form("k" * 513, SECRET),
    form(KEY, "s" * 513),
    form(base_url="https://" + "a" * 250),
    form("a:b", SECRET),
]


async def test_empty_and_oversized_fields_are_answered_400(vault: Service, outside: Outside, postgres_url: str) -> None:
    untouched = await every_row(postgres_url, vault.dsns)
    async with vault.browser(outside.token()) as browser, vault.program(outside.token()) as client:
        for sent in BAD_FIELDS:
            by_page = await browser.post(f"{PAGE}/gong", data=sent)
            by_api = await client.post(f"{API}/gong", json=sent)
            assert (by_page.status_code, by_api.status_code) == (400, 400)
            assert SECRET not in by_page.text + by_api.text
    assert await every_row(postgres_url, vault.dsns) == untouched


async def test_a_body_too_large_is_refused(vault: Service, outside: Outside) -> None:
    async with vault.program(outside.token()) as client:
        answer = await client.post(f"{API}/gong", content=b"x" * (2 * 1024 * 1024))
    assert answer.status_code == 413


async def test_a_body_that_is_no_key_is_answered_400_without_its_text(vault: Service, outside: Outside) -> None:
    bodies = [b"", b"null", b"[]", b'{"access_key": 7}', b"\xff\xfe", b'{"access_key": {"word": 1}}']
    async with vault.program(outside.token()) as client:
        for body in bodies:
            answer = await client.post(f"{API}/gong", content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, body) == (400, body)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "word" not in answer.text


async def test_there_is_no_such_integration(vault: Service, outside: Outside) -> None:
    async with vault.program(outside.token()) as client:
        for provider in ("salesforce", "GONG", "gong%00", "new"):
            assert (await client.delete(f"{API}/{provider}")).status_code == 400
        assert (await client.delete(f"{API}/slack")).status_code == 404


async def test_one_workspace_sees_nothing_of_the_other(vault: Service, outside: Outside) -> None:
    async with vault.program(outside.token()) as one, vault.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as other:
        await connect(one)
        mine, theirs = (await one.get(API)).json(), (await other.get(API)).json()
        refused = await other.delete(f"{API}/gong")
        still = (await one.get(API)).json()
    assert [(each["provider"], each["status"]) for each in mine] == [
        ("gong", "connected"),
        ("hubspot", "new"),
        ("slack", "new"),
        ("siem", "new"),
    ]
    assert {each["status"] for each in theirs} == {"new"}
    assert refused.status_code == 404
    assert still == mine


async def test_nothing_secret_is_logged_or_shown(
    vault: Service, outside: Outside, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes right or wrong on the way."""
    pages: list[bytes] = []
    async with vault.browser(outside.token()) as browser, vault.program(outside.token()) as client:
        for sent in (form(), form(KEY, SECRET + "x"), form(KEY * 40, SECRET), form(base_url="https://evil.example")):
            pages.append((await browser.post(f"{PAGE}/gong", data=sent)).content)
            pages.append((await client.post(f"{API}/gong", json=sent)).content)
        broken = f'{{"access_key": "{KEY}", "secret": "{SECRET}"'.encode()
        for content in (broken, broken + b', "base_url": 7}', f'["{SECRET}"]'.encode()):
            headers = {"content-type": "application/json"}
            pages.append((await client.post(f"{API}/gong", content=content, headers=headers)).content)

        def fail(*_: object) -> bytes:
            raise ValueError(f"{KEY} {SECRET}")

        monkeypatch.setattr("credential_vault.encryption.keyring.Keyring.encrypt", fail)
        failed = await browser.post(f"{PAGE}/gong", data=form())
    assert failed.status_code == 500
    assert log_lines
    assert in_clear(b"\n".join([*pages, failed.content])) == []
    assert in_clear("\n".join(log_lines).encode()) == []
