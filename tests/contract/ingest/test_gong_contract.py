"""Each call to Gong against the published contract: what goes out, what the sandbox answers, and what we read of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from pydantic import JsonValue

from contract.ingest.exchanges import ExchangingEgress
from contract.sandbox.samples import places, sample, with_more, without
from contract.sandbox.specs import Exchange, Specification, specification
from contract.sandbox.stage import HARBORLINE, Stage
from core.clock import SystemClock
from egress import Destination
from egress.errors import EgressError
from ingest.budget import NoBudget
from ingest.domain.calls import CallId
from ingest.gong.client import GongClient, GongRefused
from ingest.gong.credential import Credential
from ingest.gong.paging import GongUnreadable
from local.sandbox.faults import Fault
from local.sandbox.server import RunningSandbox, running
from local.sandbox.vendors import Provider

START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Ask = Callable[[GongClient, list[CallId]], Awaitable[list[object]]]


async def _extensive(gong: GongClient, _ids: list[CallId]) -> list[object]:
    return [call async for page in gong.calls_between(START, END) for call in page]


async def _pages(gong: GongClient, _ids: list[CallId]) -> list[object]:
    return [call async for page in gong.call_pages(START, END) for call in page.calls]


async def _by_id(gong: GongClient, ids: list[CallId]) -> list[object]:
    return list((await gong.calls(ids)).values())


async def _basic(gong: GongClient, _ids: list[CallId]) -> list[object]:
    return [call async for page in gong.basic_calls_between(START, END) for call in page]


async def _transcripts(gong: GongClient, ids: list[CallId]) -> list[object]:
    return [one async for one in gong.transcripts(ids)]


async def _users(gong: GongClient, _ids: list[CallId]) -> list[object]:
    return [user async for page in gong.users() for user in page]


# Every question that the client can ask, and the operation that it is.
QUESTIONS: Mapping[str, tuple[Ask, str]] = {
    "calls_between": (_extensive, "listCallsExtensive"),
    "call_pages": (_pages, "listCallsExtensive"),
    "calls": (_by_id, "listCallsExtensive"),
    "basic_calls_between": (_basic, "listCalls"),
    "transcripts": (_transcripts, "getCallTranscripts"),
    "users": (_users, "listUsers"),
}
asked = pytest.mark.parametrize("question", QUESTIONS)


@dataclass(slots=True)
class Line:
    """A client, its way out, and the sandbox at the other end."""

    client: GongClient
    egress: ExchangingEgress
    sandbox: RunningSandbox
    ids: list[CallId]

    async def ask(self, question: str) -> list[object]:
        """The answer as we read it."""
        return await QUESTIONS[question][0](self.client, self.ids)

    async def complaint(self, question: str) -> str:
        """Why the answer cannot be read; empty where it can, and says something."""
        try:
            assert await self.ask(question)
        except GongUnreadable as error:
            return str(error)
        return ""

    def answer_with(self, body: JsonValue) -> None:
        """Let the next answer be this one."""
        self.sandbox.sandbox.switchboard.disarm()
        self.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, body=json.dumps(body), count=1))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox keeps its things."""
    return Stage(tmp_path_factory.mktemp("gong-contract"), trustme.CA())


@pytest.fixture(scope="module")
async def sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong with pages of two."""
    async with running(stage.settings()) as running_sandbox:
        yield running_sandbox


@pytest.fixture
async def line(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[Line]:
    """Harborline's Gong."""
    url = f"{sandbox.url}/gong"
    egress = ExchangingEgress([Destination(name="gong", base_url=url)], ca_file=stage.folder / "ca.pem")
    egress.base, egress.exchanges = "/gong", []
    ids = [CallId(call.call_id) for call in sandbox.sandbox.library.of("harborline")]
    async with egress:
        client = GongClient(
            egress, Credential(url, END, HARBORLINE), NoBudget("gong", 10.0, SystemClock()), SystemClock()
        )
        yield Line(client, egress, sandbox, ids)
    sandbox.sandbox.switchboard.disarm()


@asked
async def test_what_goes_out_and_what_the_sandbox_answers_are_as_published(line: Line, question: str) -> None:
    assert await line.ask(question)
    operations = {specification("gong").check_exchange(one) for one in line.egress.exchanges}
    assert operations == {QUESTIONS[question][1]}
    paged = question != "users"
    assert len(line.egress.exchanges) == (3 if paged else 1), "further pages are asked for with a cursor"


def test_every_question_of_the_client_is_among_these() -> None:
    assert set(QUESTIONS) == {name for name in vars(GongClient) if not name.startswith("_")}


@pytest.mark.parametrize("question", ["calls", "transcripts"])
async def test_nothing_found_is_as_published_too(line: Line, question: str) -> None:
    nobody = Line(line.client, line.egress, line.sandbox, [CallId("1")])
    assert await nobody.ask(question) == []
    [exchange] = line.egress.exchanges
    assert exchange.status == 404
    specification("gong").check_exchange(exchange)


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@asked
async def test_the_sandboxs_refusals_are_as_published(stage: Stage, line: Line, question: str, status: int) -> None:
    """And ours to read: none becomes an error that nobody foresaw."""
    spec = specification("gong")
    await line.ask(question)
    sent = line.egress.exchanges[0]
    line.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.GONG, status=status, retry_after=3_600, count=2))
    async with stage.client(line.sandbox.url) as http:
        answer = await http.request(
            sent.method, f"/gong{sent.path}", params=dict(sent.query), json=sent.body, auth=HARBORLINE
        )
    assert answer.status_code == status
    spec.check_exchange(Exchange(sent.method, sent.path, sent.query, sent.body, status, answer.json()))
    with pytest.raises((GongRefused, EgressError)):
        await line.ask(question)


def _whole(spec: Specification, question: str) -> Any:
    """An answer with every published field, the last page of its list."""
    [(method, path)] = {
        (method, path)
        for path, methods in spec.document["paths"].items()  # type: ignore[union-attr]
        for method, one in methods.items()  # type: ignore[union-attr]
        if one["operationId"] == QUESTIONS[question][1]  # type: ignore[call-overload,index]
    }
    return without(sample(spec, spec.answer(spec.operation(method, path), 200)), ("records", "cursor"))


@asked
async def test_fields_that_nobody_knows_are_ignored(line: Line, question: str) -> None:
    whole = _whole(specification("gong"), question)
    line.answer_with(whole)
    read = await line.ask(question)
    assert read
    line.answer_with(with_more(whole))
    assert await line.ask(question) == read


# What no answer can be read without, by the name it has in the answer.
NEEDED = {
    "listCallsExtensive": {"records", "calls", "metaData", "id", "started"},
    "listCalls": {"records", "calls", "id", "started"},
    "getCallTranscripts": {"records", "callTranscripts", "callId", "start", "end", "text"},
    "listUsers": {"records", "users", "id"},
}


@asked
async def test_a_missing_field_is_named_where_it_is_needed_and_done_without_elsewhere(
    line: Line, question: str
) -> None:
    whole = _whole(specification("gong"), question)
    named = set()
    for place in places(whole):
        line.answer_with(without(whole, place))
        complaint = await line.complaint(question)
        if complaint:
            assert re.search(rf"[ .]{place[-1]} \(missing\)", complaint)
            named.add(place[-1])
    assert named == NEEDED[QUESTIONS[question][1]]
