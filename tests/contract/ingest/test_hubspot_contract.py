"""Each call to HubSpot against the published contract: what goes out, what the sandbox answers, and what we read of an answer."""

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
from contract.sandbox import hubspot_associations
from contract.sandbox.oauth_client import Application
from contract.sandbox.samples import places, sample, with_more, without
from contract.sandbox.specs import Exchange, specification
from contract.sandbox.stage import Stage
from contract.sandbox.test_hubspot_crm import SCOPES
from core.clock import SystemClock
from egress import Destination
from egress.errors import EgressError
from ingest.budget import NoBudget
from ingest.hubspot.client import HubSpotBusy, HubSpotClient, HubSpotRefused, HubSpotUnreadable
from ingest.hubspot.credential import Credential
from local.sandbox.faults import Fault
from local.sandbox.hubspot.records import Book
from local.sandbox.server import RunningSandbox, running
from local.sandbox.settings import SHIPPED_CALLS
from local.sandbox.vendors import Provider

END = datetime(2100, 1, 1, tzinfo=UTC)
ASSOCIATIONS = "/crm/v4/associations/"

Ask = Callable[[HubSpotClient, Book], Awaitable[object]]


async def _contacts(hubspot: HubSpotClient, book: Book) -> object:
    emails = [str(one.properties["email"]) for one in book.records["contacts"].values()]
    return await hubspot.contacts([*emails[:3], "nobody@elsewhere.example"])


async def _companies(hubspot: HubSpotClient, book: Book) -> object:
    return await hubspot.companies(list(book.records["companies"])[:3])


async def _deals(hubspot: HubSpotClient, book: Book) -> object:
    return await hubspot.deals(list(book.records["deals"])[:3])


async def _companies_of(hubspot: HubSpotClient, book: Book) -> object:
    domains = [str(one.properties["domain"]) for one in book.records["companies"].values()]
    return await hubspot.companies_of(domains[:3])


async def _associated(hubspot: HubSpotClient, book: Book) -> object:
    return await hubspot.associated("companies", "deals", [*book.records["companies"], "404"])


async def _owners(hubspot: HubSpotClient, _book: Book) -> object:
    return await hubspot.owners()


async def _pipelines(hubspot: HubSpotClient, _book: Book) -> object:
    return await hubspot.pipelines()


# Every question that the client can ask, and the path that it asks.
QUESTIONS: Mapping[str, tuple[Ask, str]] = {
    "contacts": (_contacts, "/crm/v3/objects/contacts/batch/read"),
    "companies": (_companies, "/crm/v3/objects/companies/batch/read"),
    "deals": (_deals, "/crm/v3/objects/deals/batch/read"),
    "companies_of": (_companies_of, "/crm/v3/objects/companies/search"),
    "associated": (_associated, f"{ASSOCIATIONS}companies/deals/batch/read"),
    "owners": (_owners, "/crm/v3/owners/"),
    "pipelines": (_pipelines, "/crm/v3/pipelines/deals"),
}
asked = pytest.mark.parametrize("question", QUESTIONS)


@dataclass(slots=True)
class Line:
    """A client, its way out, and the sandbox at the other end."""

    client: HubSpotClient
    egress: ExchangingEgress
    sandbox: RunningSandbox
    headers: Mapping[str, str]

    async def ask(self, question: str) -> object:
        """The answer as we read it."""
        return await QUESTIONS[question][0](self.client, self.sandbox.sandbox.hubspot.accounts["harborline"].book)

    async def complaint(self, question: str) -> str:
        """Why the answer cannot be read; empty where it can, and says something."""
        try:
            assert await self.ask(question)
        except HubSpotUnreadable as error:
            return str(error)
        return ""

    def answer_with(self, body: JsonValue) -> None:
        """Let the next answer be this one."""
        self.sandbox.sandbox.switchboard.disarm()
        self.sandbox.sandbox.switchboard.arm(Fault(provider=Provider.HUBSPOT, body=json.dumps(body), count=1))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox keeps its things."""
    return Stage(tmp_path_factory.mktemp("hubspot-contract"), trustme.CA())


@pytest.fixture(scope="module")
async def sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """The demo companies' HubSpot with pages of one."""
    settings = stage.settings(calls_dir=SHIPPED_CALLS, hubspot={"requests": None, "page_size": 1})
    async with running(settings) as running_sandbox:
        yield running_sandbox


@pytest.fixture
async def line(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[Line]:
    """Harborline's HubSpot."""
    url = f"{sandbox.url}/hubspot"
    async with stage.client(sandbox.url) as http:
        tokens = await Application(http, "hubspot").control("POST", "tokens", account="harborline", scopes=list(SCOPES))
    egress = ExchangingEgress([Destination(name="hubspot", base_url=url)], ca_file=stage.folder / "ca.pem")
    egress.base, egress.exchanges = "/hubspot", []
    credential = Credential(url, END, str(tokens["access_token"]))
    async with egress:
        client = HubSpotClient(egress, credential, NoBudget("hubspot", 10.0, SystemClock()), SystemClock())
        yield Line(client, egress, sandbox, credential.headers)
    sandbox.sandbox.switchboard.disarm()


def check(exchange: Exchange) -> None:
    """Fails where request or answer is not as published; the associations are published elsewhere."""
    spec = specification("hubspot")
    if not exchange.path.startswith(ASSOCIATIONS):
        spec.check_exchange(exchange)
        return
    assert (exchange.method, exchange.query) == ("POST", {})
    hubspot_associations.check(exchange.body, hubspot_associations.REQUEST)
    if exchange.status < 300:
        hubspot_associations.check(exchange.answer, hubspot_associations.ANSWER)
    else:
        spec.check(exchange.answer, "Error")


@asked
async def test_what_goes_out_and_what_the_sandbox_answers_are_as_published(line: Line, question: str) -> None:
    assert await line.ask(question)
    assert {one.path for one in line.egress.exchanges} == {QUESTIONS[question][1]}
    for exchange in line.egress.exchanges:
        check(exchange)


def test_every_question_of_the_client_is_among_these() -> None:
    assert set(QUESTIONS) == {name for name in vars(HubSpotClient) if not name.startswith("_")}


async def test_further_pages_are_asked_for_as_published(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its place: a search's `after` in the body, an owner's in the query, an association's beside its object."""
    monkeypatch.setattr("ingest.hubspot.client.SEARCH_PAGE", 1)
    monkeypatch.setattr("ingest.hubspot.client.OWNERS_PAGE", 1)
    for question in ("companies_of", "owners", "associated"):
        line.egress.exchanges.clear()
        await line.ask(question)
        later = line.egress.exchanges[1:]
        assert later
        for one in later:
            check(one)
            assert "after" in json.dumps([one.body, dict(one.query)])


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
@asked
async def test_the_sandboxs_refusals_are_as_published(stage: Stage, line: Line, question: str, status: int) -> None:
    """And ours to read: none becomes an error that nobody foresaw."""
    await line.ask(question)
    sent = line.egress.exchanges[0]
    fault = Fault(provider=Provider.HUBSPOT, status=status, retry_after=3_600, count=2)
    line.sandbox.sandbox.switchboard.arm(fault)
    async with stage.client(line.sandbox.url) as http:
        answer = await http.request(
            sent.method, f"/hubspot{sent.path}", params=dict(sent.query), json=sent.body, headers=line.headers
        )
    assert answer.status_code == status
    check(Exchange(sent.method, sent.path, sent.query, sent.body, status, answer.json()))
    with pytest.raises((HubSpotRefused, HubSpotBusy, EgressError)):
        await line.ask(question)


def _whole(question: str) -> Any:
    """An answer with every published field, the last page of its list."""
    spec, path = specification("hubspot"), QUESTIONS[question][1]
    method = "GET" if question in {"owners", "pipelines"} else "POST"
    whole: Any = sample(spec, spec.answer(spec.operation(method, path), 200))
    return {name: value for name, value in whole.items() if name != "paging"}


published = pytest.mark.parametrize("question", [name for name in QUESTIONS if name != "associated"])


@published
async def test_fields_that_nobody_knows_are_ignored(line: Line, question: str) -> None:
    whole = _whole(question)
    line.answer_with(whole)
    read = await line.ask(question)
    assert read
    line.answer_with(_with_more(whole))
    assert await line.ask(question) == read


def _with_more(whole: Any) -> JsonValue:
    """A new field everywhere but among properties, which are all text."""
    changed: Any = with_more(whole)
    for one in changed["results"]:
        for name in ("properties", "propertiesWithHistory"):
            one.get(name, {}).pop("addedLater", None)
    return changed  # type: ignore[no-any-return]


# What no answer can be read without, by the name it has in the answer.
RECORD = {"results", "id", "properties", "createdAt"}
NEEDED = {
    "contacts": RECORD,
    "companies": RECORD,
    "deals": RECORD,
    "companies_of": RECORD,
    "owners": {"results", "id"},
    "pipelines": {"results", "id", "label"},
}


@published
async def test_a_missing_field_is_named_where_it_is_needed_and_done_without_elsewhere(
    line: Line, question: str
) -> None:
    whole = _whole(question)
    named = set()
    for place in places(whole):
        line.answer_with(without(whole, place))
        complaint = await line.complaint(question)
        if complaint:
            assert re.search(rf"[ .]{place[-1]} \(missing\)", complaint)
            named.add(place[-1])
    assert named == NEEDED[question]
