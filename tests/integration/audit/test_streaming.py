"""The log is sent to the customer's own endpoint: signed, in order, without a gap, whatever fails meanwhile; and it can be pulled."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from audit.log.erasure import erase
from audit.log.note import Keyring
from audit.log.sealing import Sealer, SealerSettings
from audit.streaming import store
from audit.streaming.sender import SenderSettings
from audit.streaming.stream import PATIENCE, Attempt
from callmine.audit.v1.audit_pb2 import AdminAction
from core import faultpoints
from integration.audit.actions import MINE, THEIRS
from integration.audit.streaming import OTHER_SECRET, SECRET, Streams, opened, positions, streams_of
from local.sandbox.clerk.people import QUILLSTONE
from local.sandbox.faults import Fault
from local.sandbox.vendors import Provider
from testkit.messages import said
from testkit.outside import LOG_KEY, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import raw_bytes

PAGE, API, PULL = "/audit/streaming", "/api/v1/audit/streaming", "/api/v1/audit/stream"


@pytest.fixture
async def streams(audit: Service, outside: Outside) -> AsyncIterator[Streams]:
    sandbox = outside.running.sandbox
    sandbox.siem.clear()
    yield streams_of(audit, outside)
    sandbox.switchboard.disarm()


@pytest.fixture
async def admin(audit: Service, outside: Outside) -> AsyncIterator[httpx.AsyncClient]:
    async with audit.program(outside.token()) as client:
        yield client


async def begun(streams: Streams, admin: httpx.AsyncClient, *, everything: bool = True) -> None:
    """A stream with something to sign with."""
    answer = await admin.put(API, json={"url": streams.url, "everything": everything})
    assert answer.status_code == 200, answer.text
    await streams.answered(SECRET)


def spoil(streams: Streams, *, count: int | None = None, **how: object) -> None:
    streams.outside.running.sandbox.switchboard.arm(Fault(provider=Provider.SIEM, count=count, **how))


async def test_entries_are_sent_signed_in_order_and_once(streams: Streams, admin: httpx.AsyncClient) -> None:
    await streams.fill(*range(130))
    await begun(streams, admin)
    await streams.sent()
    await streams.fill(200)
    await streams.sent()
    assert [number for message in streams.received for number in positions(message)] == list(range(131))
    assert [len(positions(message)) for message in streams.received] == [100, 30, 1]
    bodies = [opened(message) for message in streams.received]
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET).verify(streams.received[0].body, streams.received[0].headers)
    data = bodies[0]["data"]
    assert isinstance(data, dict)
    assert (bodies[0]["type"], data["workspace"], data["first"], data["end"]) == ("audit.entries", MINE, 0, 100)
    listed = (await admin.get("/api/v1/audit", params={"size": 1})).json()["entries"][0]
    last = json.loads(streams.received[-1].body)["data"]["entries"][-1]
    assert {name: last[name] for name in ("id", "type", "source")} == {
        name: listed[name] for name in ("id", "type", "source")
    }
    assert last["diff"] == listed["diff"]
    state = (await admin.get(API)).json()
    assert (state["state"], state["behind"], state["next_position"], state["last_status"]) == ("active", 0, 131, 200)


async def test_a_new_stream_begins_with_what_comes_unless_all_is_asked_for(
    streams: Streams, admin: httpx.AsyncClient
) -> None:
    await streams.fill(1, 2, 3)
    await begun(streams, admin, everything=False)
    await streams.fill(4)
    await streams.sent()
    assert [positions(message) for message in streams.received] == [[3]]


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"status": 404}, {"redirect": "https://localhost:1/x"}, {"status": 503, "after": True}]
)
async def test_what_fails_comes_again_later_under_the_same_id(
    streams: Streams, admin: httpx.AsyncClient, how: dict[str, object]
) -> None:
    await streams.fill(1, 2)
    await begun(streams, admin)
    spoil(streams, count=2, **how)
    await streams.sent()
    state = (await admin.get(API)).json()
    assert (state["attempts"], state["behind"], state["state"]) == (1, 2, "active")
    assert "that nobody reads" not in json.dumps(state)
    await streams.fill(3)
    await streams.sent()
    assert (await admin.get(API)).json()["attempts"] == 1, "not before its pause is over"
    for _ in range(2):
        await streams.clock.advance(10)
        await streams.sent()
    taken = [(message.id, positions(message)) for message in streams.received]
    assert taken[-1] == (f"{MINE}_2_3", [2])
    assert set(map(str, taken[:-1])) == {str((f"{MINE}_0_2", [0, 1]))}
    assert len(taken) == (4 if how.get("after") else 2)
    assert (await admin.get(API)).json()["behind"] == 0


async def test_after_three_days_it_is_given_up_and_told_and_resumed_without_loss(
    streams: Streams, admin: httpx.AsyncClient
) -> None:
    await streams.fill(1, 2)
    await begun(streams, admin)
    spoil(streams, status=500)
    began = streams.clock.now()
    while (await admin.get(API)).json()["state"] == "active":
        await streams.clock.advance(3600)
        await _renewed(streams)
        await streams.sent()
        assert streams.clock.now() - began < PATIENCE + timedelta(hours=4)
    assert streams.clock.now() - began >= PATIENCE
    state = (await admin.get(API)).json()
    assert (state["state"], state["behind"], state["last_status"]) == ("failing", 2, 500)
    told = [event.payload for topic, event in await said(streams.audit.dsns) if topic == "audit"]
    assert isinstance(told[-1], AdminAction)
    assert [(one.before, one.after) for one in told[-1].diff] == [('"active"', '"failing"')]
    assert [item["position"] for item in (await admin.get(PULL)).json()["entries"]] == [0, 1]
    streams.outside.running.sandbox.switchboard.disarm()
    await streams.sent()
    assert streams.received == []
    answer = await admin.post(f"{API}/resume", json={"version": state["version"]})
    assert answer.json()["state"] == "active"
    await streams.clock.advance(7200)
    await _renewed(streams)
    await streams.clock.advance(1)
    await streams.sent()
    assert [positions(message) for message in streams.received] == [[0, 1]]


async def _renewed(streams: Streams) -> None:
    """The grant is over after half an hour: the sender asks, the vault answers."""
    before = len(await streams.asked())
    await streams.sent()
    if len(await streams.asked()) > before:
        await streams.answered(SECRET)


async def test_an_endpoint_that_is_gone_is_given_up_at_once(streams: Streams, admin: httpx.AsyncClient) -> None:
    await streams.fill(1)
    await begun(streams, admin)
    spoil(streams, count=1, status=410)
    await streams.sent()
    assert (await admin.get(API)).json()["state"] == "failing"


async def test_without_a_secret_nothing_is_sent_and_the_page_says_so(
    streams: Streams, admin: httpx.AsyncClient, audit: Service, outside: Outside
) -> None:
    await streams.fill(1)
    await admin.put(API, json={"url": streams.url, "everything": True})
    await streams.answered()
    await streams.sent()
    assert streams.received == []
    async with audit.browser(outside.token()) as browser:
        assert "There is nothing to sign with" in (await browser.get(PAGE)).text
    await streams.answered(SECRET)
    await streams.sent()
    assert [positions(message) for message in streams.received] == [[0]]
    assert len({one.payload.grant_id for one in await streams.asked()}) == 2


async def test_during_a_rotation_both_secrets_verify(streams: Streams, admin: httpx.AsyncClient) -> None:
    await streams.fill(1)
    await admin.put(API, json={"url": streams.url, "everything": True})
    await streams.answered(OTHER_SECRET, SECRET)
    await streams.sent()
    for secret in (SECRET, OTHER_SECRET):
        assert opened(streams.received[0], secret)["type"] == "audit.entries"


@pytest.mark.parametrize("point", ["before_claimed", "before_post", "after_post", "before_commit", "after_commit"])
async def test_whoever_dies_loses_nothing(streams: Streams, admin: httpx.AsyncClient, point: str) -> None:
    await streams.fill(1, 2)
    await begun(streams, admin)
    reached: list[str] = []

    def dies(at: str) -> None:
        if at == f"audit.stream.{point}" and not reached:
            reached.append(at)
            raise RuntimeError("the process died here")

    faultpoints.arm(dies)
    try:
        await streams.sender.once()
    finally:
        faultpoints.arm(None)
    assert reached
    await streams.clock.advance(61)
    await streams.sent()
    assert {(message.id, *positions(message)) for message in streams.received} == {(f"{MINE}_0_2", 0, 1)}
    assert len(streams.received) == (2 if point in ("after_post", "before_commit") else 1)
    assert (await admin.get(API)).json()["behind"] == 0


async def test_what_was_on_its_way_to_another_address_counts_for_nothing(
    streams: Streams, admin: httpx.AsyncClient
) -> None:
    await streams.fill(1)
    await begun(streams, admin)
    elsewhere, post = f"{streams.outside.siem_url}/elsewhere", streams.sender._post

    async def meanwhile(url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        ended = await post(url, headers, body)
        async with streams.audit.parts.db.workspace(MINE) as tx:
            assert await store.move(tx, elsewhere, 1, streams.clock.now())
        return ended

    streams.sender._post = meanwhile
    await streams.sender.once()
    streams.sender._post = post
    assert (await admin.get(API)).json()["behind"] == 1
    await streams.sent()
    assert [(message.path, positions(message)) for message in streams.received] == [("/mine", [0]), ("/elsewhere", [0])]


async def test_workspaces_take_turns(streams: Streams, admin: httpx.AsyncClient, outside: Outside) -> None:
    """One with a long way to go does not keep the other waiting: each delivery puts its stream behind the others."""
    await streams.fill(*range(350))
    await streams.fill(1, workspace_id=THEIRS)
    await begun(streams, admin)
    async with streams.audit.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as other:
        await other.put(API, json={"url": f"{streams.outside.siem_url}/theirs", "everything": True})
    await streams.answered(SECRET)
    streams.sender._settings = SenderSettings(at_once=1)
    await streams.sent()
    assert [message.path for message in streams.received] == ["/mine", "/theirs", "/mine", "/mine", "/mine"]
    assert [number for one in streams.received if one.path == "/mine" for number in positions(one)] == list(range(350))
    workspaces = {one.path: json.loads(one.body)["data"]["workspace"] for one in streams.received}
    assert workspaces == {"/mine": MINE, "/theirs": THEIRS}


async def test_the_log_is_pulled_by_a_cursor_that_can_be_replayed(streams: Streams, admin: httpx.AsyncClient) -> None:
    await streams.fill(*range(7))
    pages, cursor = [], ""
    while True:
        page = (await admin.get(PULL, params={"cursor": cursor, "size": 3})).json()
        pages.append(page)
        if not page["more"]:
            break
        cursor = page["cursor"]
    assert [item["position"] for page in pages for item in page["entries"]] == list(range(7))
    assert (await admin.get(PULL, params={"cursor": pages[0]["cursor"], "size": 3})).json() == pages[1]
    assert (await admin.get(PULL, params={"cursor": "7"})).json() == {"entries": [], "cursor": "7", "more": False}
    for wrong in ("x", "-1", "9" * 20, "\uff11"):
        assert (await admin.get(PULL, params={"cursor": wrong})).status_code == 400


async def test_a_test_event_says_how_it_ended_and_nothing_of_the_answer(
    streams: Streams, audit: Service, outside: Outside, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.streaming.setup.TEST_EVERY", 0.0)
    assert (await admin.post(f"{API}/test")).status_code == 404
    await begun(streams, admin)
    answer = (await admin.post(f"{API}/test")).json()
    assert (answer["delivered"], answer["status"], answer["reason"]) == (True, 200, "")
    assert opened(streams.received[-1])["type"] == "audit.test"
    spoil(streams, count=1, status=401)
    answer = (await admin.post(f"{API}/test")).json()
    assert (answer["delivered"], answer["status"]) == (False, 401)
    assert answer["reason"] == "The endpoint answered 401 Unauthorized"
    async with audit.browser(outside.token()) as browser:
        page = (await browser.post(f"{PAGE}/test")).text
    assert "The test event was taken: 200" in page
    assert "that nobody reads" not in page
    monkeypatch.setattr("audit.streaming.setup.TEST_EVERY", 60.0)
    assert (await admin.post(f"{API}/test")).status_code == 409


async def test_each_change_is_audited_with_the_host_and_never_with_a_secret_or_a_path(
    streams: Streams, admin: httpx.AsyncClient, postgres_url: str
) -> None:
    base = "https://siem.example.com"
    for number, (method, path, body) in enumerate(
        [
            ("PUT", API, {"url": f"{base}/a-path-of-ours", "version": 0}),
            ("PUT", API, {"url": f"{base}/another-path", "version": 1}),
            ("POST", f"{API}/pause", {"version": 2}),
            ("POST", f"{API}/resume", {"version": 3}),
            ("PUT", API, {"url": "https://other.example.com", "version": 4}),
        ]
    ):
        answer = await admin.request(method, path, json=body)
        assert answer.json()["version"] == number + 1, answer.text
    await streams.answered(SECRET)
    assert (await admin.delete(API, params={"version": 5})).status_code == 204
    assert (await admin.get(API)).json()["state"] == "off"
    told = [event for topic, event in await said(streams.audit.dsns) if topic == "audit"]
    diffs = []
    for event in told:
        assert isinstance(event.payload, AdminAction)
        diffs.append({one.field: (one.before, one.after) for one in event.payload.diff})
    assert diffs == [
        {"audit_stream": ("", '"active"'), "audit_stream_to": ("", f'"{base}"')},
        {"audit_stream_to": (f'"{base}"', f'"{base} (another path)"')},
        {"audit_stream": ('"active"', '"paused"')},
        {"audit_stream": ('"paused"', '"active"')},
        {"audit_stream_to": (f'"{base}"', '"https://other.example.com"')},
        {"audit_stream": ('"active"', ""), "audit_stream_to": ('"https://other.example.com"', "")},
    ]
    assert all(event.actor.email and event.workspace_id == MINE for event in told)
    raw = await raw_bytes(postgres_url, streams.audit.dsns)
    assert SECRET.removeprefix("whsec_").encode() not in raw


async def test_two_admins_do_not_overwrite_each_other(streams: Streams, admin: httpx.AsyncClient) -> None:
    await admin.put(API, json={"url": streams.url})
    for method, path, body in (
        ("PUT", API, {"url": f"{streams.url}/x", "version": 0}),
        ("POST", f"{API}/pause", {"version": 7}),
        ("POST", f"{API}/resume", {"version": 1}),
    ):
        assert (await admin.request(method, path, json=body)).status_code == 409
    assert (await admin.delete(API, params={"version": 2})).status_code == 409
    same = await admin.put(API, json={"url": streams.url, "version": 1})
    assert same.json()["version"] == 1


async def test_members_see_and_change_nothing(streams: Streams, audit: Service, outside: Outside) -> None:
    async with audit.program(outside.token(MEMBER)) as member:
        for method, path in (("GET", API), ("PUT", API), ("POST", f"{API}/test"), ("GET", PULL)):
            assert (await member.request(method, path, json={"url": streams.url})).status_code == 403


async def test_what_was_erased_keeps_its_place(streams: Streams, admin: httpx.AsyncClient) -> None:
    await streams.fill(1, 2)
    db = streams.audit.parts.db
    sealer = Sealer(db, Keyring.parse(LOG_KEY), SealerSettings("callmine.ai/audit"))
    await erase(db, sealer.drain, MINE, "request-1", "user_harborline01")
    one, two, record = (await admin.get(PULL)).json()["entries"]
    assert [one["erased"], two["erased"]] == [["actor"], ["actor"]]
    assert (one["actor"]["email"], record["position"], record["type"]) == ("", 2, "audit.erasure")
    assert record["erasure"]["request"] == "request-1"
    await erase(db, sealer.drain, MINE, "request-2")
    whole = (await admin.get(PULL)).json()["entries"]
    assert [(item["position"], item["type"]) for item in whole] == [
        (0, "audit.erased"),
        (1, "audit.erased"),
        (2, "audit.erasure"),
        (3, "audit.erasure"),
    ]
