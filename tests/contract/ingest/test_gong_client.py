"""Our client of Gong against the sandbox: paging, nothing found, limits, refusals, and what it sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import trustme
from msgspec.structs import replace

from contract.sandbox.specs import specification
from contract.sandbox.stage import HARBORLINE, Stage
from core.clock import SystemClock
from egress import Destination, Egress, TooManyRequests
from egress.errors import ProviderUnavailable
from ingest.budget import NoBudget
from ingest.domain.calls import Call, CallId, Transcript
from ingest.domain.jobs import GrantExpired
from ingest.gong.client import GongClient, GongRefused
from ingest.gong.credential import Credential
from ingest.gong.paging import GongUnreadable
from local.sandbox.faults import Fault, PagingFault
from local.sandbox.server import RunningSandbox, running
from local.sandbox.vendors import Provider

# Where a list is given up here: the real bound is thousands of pages.
FEW_PAGES = 60

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

MakeClient = Callable[..., GongClient]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox keeps its things."""
    return Stage(tmp_path_factory.mktemp("ingest-gong"), trustme.CA())


@pytest.fixture
async def sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong with pages of two: Harborline has five calls, one of them private."""
    async with running(stage.settings()) as running_sandbox:
        yield running_sandbox


class RecordingEgress(Egress):
    """Notes the bodies that go out."""

    bodies: list[tuple[str, Mapping[str, object]]]

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **parts: object
    ) -> httpx.Response:
        inputs = parts.get("json") if method == "POST" else parts.get("params")
        assert isinstance(inputs, dict)
        assert (parts.get("json") is None) == (method == "GET")
        self.bodies.append((path_or_url, inputs))
        return await super().request(destination, method, path_or_url, **parts)  # type: ignore[arg-type]


@pytest.fixture
async def egress(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[RecordingEgress]:
    """The way out, which may reach the sandbox only."""
    made = RecordingEgress([Destination(name="gong", base_url=f"{sandbox.url}/gong")], ca_file=stage.folder / "ca.pem")
    made.bodies = []
    async with made:
        yield made


@pytest.fixture
def client(egress: RecordingEgress, sandbox: RunningSandbox) -> MakeClient:
    """Makes clients with a given secret and expiry."""

    def make(secret: str = HARBORLINE[1], expires_at: datetime = FAR_AHEAD) -> GongClient:
        credential = Credential(f"{sandbox.url}/gong", expires_at, (HARBORLINE[0], secret))
        return GongClient(egress, credential, NoBudget("gong", 10.0, SystemClock()), SystemClock())

    return make


async def listed(gong: GongClient, start: datetime = LONG_AGO) -> list[Call]:
    return [call async for page in gong.calls_between(start, FAR_AHEAD) for call in page]


async def spoken(gong: GongClient, call_ids: list[CallId]) -> dict[CallId, Transcript]:
    return {call_id: transcript async for call_id, transcript in gong.transcripts(call_ids)}


async def test_all_pages_are_read_and_each_call_once(client: MakeClient, egress: RecordingEgress) -> None:
    calls = await listed(client())
    assert len({call.call_id for call in calls}) == len(calls) == 5
    assert sum(call.is_private for call in calls) == 1
    assert len(egress.bodies) == 3


async def test_what_is_sent_has_the_published_shape(client: MakeClient, egress: RecordingEgress) -> None:
    calls = await listed(client())
    await spoken(client(), [call.call_id for call in calls])
    await client().calls([calls[0].call_id])
    for url, body in egress.bodies:
        name = "TranscriptRequest" if url.endswith("transcript") else "ExtensiveRequest"
        specification("gong").check(json.loads(json.dumps(body)), name)
        assert set(body) <= {"cursor", "filter", "contentSelector"}
        assert isinstance(body["filter"], dict)
        assert "cursor" not in body["filter"]


async def test_the_basic_list_takes_its_cursor_in_the_query(client: MakeClient, egress: RecordingEgress) -> None:
    pages = [page async for page in client().basic_calls_between(LONG_AGO, FAR_AHEAD)]
    sent = [inputs for _, inputs in egress.bodies]
    published: Any = specification("gong").document["paths"]
    parameters = {one["name"] for one in published["/v2/calls"]["get"]["parameters"] if one["in"] == "query"}
    assert {name for inputs in sent for name in inputs} <= parameters
    assert ["cursor" in inputs for inputs in sent] == [False, True, True]
    assert all({"fromDateTime", "toDateTime"} <= set(inputs) for inputs in sent)
    basic = [call for page in pages for call in page]
    full = await listed(client())
    assert [replace(call, parties=(), owner=None, deal=None) for call in full] == basic


async def test_users_are_read_page_by_page(client: MakeClient, egress: RecordingEgress) -> None:
    users = [user async for page in client().users() for user in page]
    assert [(user.name, user.email, user.active) for user in users] == [
        ("Maya Lindqvist", "maya@harborline.example", True)
    ]
    assert users[0].user_id.isdigit()
    assert egress.bodies == [(egress.bodies[0][0], {})]
    assert egress.bodies[0][0].endswith("/v2/users")


@pytest.mark.parametrize("ask", ["basic_calls_between", "users", "calls_between"])
async def test_a_list_whose_cursor_never_ends_is_left(
    client: MakeClient, sandbox: RunningSandbox, egress: RecordingEgress, ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.gong.paging.MOST_PAGES", FEW_PAGES)
    sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, paging=PagingFault.ENDLESS))
    gong = client()
    pages: dict[str, AsyncIterator[object]] = {
        "users": gong.users(),
        "basic_calls_between": gong.basic_calls_between(LONG_AGO, FAR_AHEAD),
        "calls_between": gong.calls_between(LONG_AGO, FAR_AHEAD),
    }
    with pytest.raises(GongUnreadable, match="does not end"):
        async for _ in pages[ask]:
            pass
    assert len(egress.bodies) == FEW_PAGES


async def test_parties_owner_and_deal_are_read(client: MakeClient) -> None:
    call = (await listed(client()))[0]
    assert [party.name for party in call.parties] == ["Maya Lindqvist", "Tomás Ferreira", "Nobody Speaks"]
    assert call.parties[2].speaker_id is None
    assert call.owner is not None
    assert call.owner.name == "Maya Lindqvist"
    assert call.deal is not None
    assert (call.deal.stage, call.deal.amount, call.deal.owner) == ("Proposal", 64000.0, "Maya Lindqvist")
    assert (call.deal.employees, call.deal.segment) == (850, "Mid-Market")


async def test_transcripts_join_the_parties(client: MakeClient) -> None:
    calls = {call.call_id: call for call in await listed(client())}
    transcripts = await spoken(client(), list(calls))
    assert set(transcripts) == set(calls)
    for call_id, sentences in transcripts.items():
        speakers = {party.speaker_id for party in calls[call_id].parties}
        assert sentences
        assert {sentence.speaker_id for sentence in sentences} <= speakers
        assert [sentence.start_ms for sentence in sentences] == sorted(sentence.start_ms for sentence in sentences)


async def test_nothing_found_is_nothing_and_no_error(client: MakeClient) -> None:
    assert await listed(client(), FAR_AHEAD - timedelta(days=1)) == []
    assert await spoken(client(), [CallId("1")]) == {}
    assert await client().calls([CallId("1")]) == {}


async def test_a_wrong_key_is_told_in_gongs_own_words_without_the_key(client: MakeClient) -> None:
    with pytest.raises(GongRefused, match="Authentication failed") as refusal:
        await listed(client("wrong-secret-9"))
    assert "Settings > Integrations" in str(refusal.value)
    assert "wrong-secret-9" not in str(refusal.value)


async def test_a_long_wish_to_wait_is_handed_on(client: MakeClient, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, status=429, retry_after=3600, count=1))
    with pytest.raises(TooManyRequests) as wish:
        await listed(client())
    assert wish.value.retry_after == 3600


async def test_a_broken_answer_can_be_tried_again(client: MakeClient, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, malformed=True, count=1))
    with pytest.raises(GongUnreadable, match="cannot be read"):
        await listed(client())
    assert len(await listed(client())) == 5


async def test_an_answer_cut_short_or_a_500_can_be_tried_again(client: MakeClient, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, status=500, count=1))
    with pytest.raises(ProviderUnavailable):
        await listed(client())


async def test_nothing_is_sent_with_a_grant_that_has_expired(client: MakeClient, egress: RecordingEgress) -> None:
    with pytest.raises(GrantExpired):
        await listed(client(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert egress.bodies == []
