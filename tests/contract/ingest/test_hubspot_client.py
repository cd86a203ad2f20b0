"""Our client of HubSpot and what it makes of it, against the sandbox: batches, partial answers, limits, scopes, and what it sends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import trustme
from msgspec.structs import replace
from unit.ingest.calls import call

from contract.sandbox import hubspot_associations
from contract.sandbox.oauth_client import Application
from contract.sandbox.specs import specification
from contract.sandbox.stage import Stage
from contract.sandbox.test_hubspot_crm import SCOPES
from core.clock import SystemClock
from egress import Destination, Egress, ProviderRejected
from ingest.domain.calls import Affiliation, Call, Outcome, Party, Source
from ingest.domain.jobs import DealsRefused, GrantExpired
from ingest.hubspot.client import HubSpotBusy, HubSpotClient, HubSpotRefused, HubSpotUnreadable
from ingest.hubspot.credential import Credential
from ingest.hubspot.lookup import DealLookup
from ingest.hubspot.source import HubSpotDeals
from local.sandbox.faults import Fault
from local.sandbox.server import RunningSandbox, running
from local.sandbox.settings import SHIPPED_CALLS
from local.sandbox.vendors import Provider

FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where the sandbox keeps its things."""
    return Stage(tmp_path_factory.mktemp("ingest-hubspot"), trustme.CA())


@pytest.fixture
async def sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """The demo companies' HubSpot, without limits."""
    async with running(stage.settings(calls_dir=SHIPPED_CALLS, hubspot={"requests": None})) as running_sandbox:
        yield running_sandbox


class RecordingEgress(Egress):
    """Notes the bodies that go out."""

    bodies: list[tuple[str, dict[str, object]]]

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **parts: object
    ) -> httpx.Response:
        body = parts.get("json")
        self.bodies.append((path_or_url, body if isinstance(body, dict) else {}))
        return await super().request(destination, method, path_or_url, **parts)  # type: ignore[arg-type]


class NotedBudget:
    """Grants every turn and notes the waits that HubSpot asked for instead of waiting."""

    def __init__(self) -> None:
        self.turns = 0
        self.waits: list[float] = []

    async def turn(self) -> None:
        self.turns += 1

    async def hold_back(self, seconds: float) -> None:
        self.waits.append(seconds)


@dataclass(slots=True)
class HubSpot:
    """One account's HubSpot as ingest reaches it."""

    stage: Stage
    sandbox: RunningSandbox
    egress: RecordingEgress
    budget: NotedBudget

    async def client(
        self, scopes: Sequence[str] = SCOPES, token: str = "", expires_at: datetime = FAR_AHEAD
    ) -> HubSpotClient:
        async with self.stage.client(self.sandbox.url) as http:
            application = Application(http, "hubspot")
            tokens = await application.control("POST", "tokens", account="harborline", scopes=list(scopes))
        credential = Credential(f"{self.sandbox.url}/hubspot", expires_at, token or str(tokens["access_token"]))
        return HubSpotClient(self.egress, credential, self.budget, SystemClock())

    async def lookup(self, scopes: Sequence[str] = SCOPES) -> DealLookup:
        return DealLookup(await self.client(scopes))

    def paths(self) -> Counter[str]:
        """How often each path was asked."""
        return Counter(url.removeprefix(f"{self.sandbox.url}/hubspot/crm") for url, _ in self.egress.bodies)

    def arm(self, **fault: object) -> None:
        self.sandbox.sandbox.switchboard.arm(Fault.model_validate({"provider": Provider.HUBSPOT, **fault}))

    def calls(self, *, in_gong: bool | None = None) -> list[Call]:
        """Harborline's calls without what Gong knows of their deals; those that Gong knows it of, or not, where asked."""
        return [
            call(
                call_id=one.call_id,
                started_at=one.started_at,
                deal=None,
                owner=None,
                parties=tuple(
                    Party(None, party.name, None, Affiliation(party.affiliation.value.lower()), party.email)
                    for party in one.parties
                ),
            )
            for one in self.sandbox.sandbox.library.of("harborline")
            if in_gong is None or one.in_gong is in_gong
        ]


@pytest.fixture
async def hubspot(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[HubSpot]:
    """A way out that may reach the sandbox only."""
    made = RecordingEgress(
        [Destination(name="hubspot", base_url=f"{sandbox.url}/hubspot")], ca_file=stage.folder / "ca.pem"
    )
    made.bodies = []
    async with made:
        yield HubSpot(stage, sandbox, made, NotedBudget())


def customer(email: str) -> Call:
    """A call with one customer and no context."""
    return call(call_id=f"to {email}", deal=None, parties=(Party(None, "C", None, Affiliation.EXTERNAL, email),))


async def test_calls_that_gong_knows_no_deal_of_get_the_one_that_hubspot_has(hubspot: HubSpot) -> None:
    known = {one.call_id: one for one in hubspot.sandbox.sandbox.library.of("harborline")}
    lacking = hubspot.calls(in_gong=False)
    assert len(lacking) == 4
    for made in await (await hubspot.lookup()).complete(lacking):
        expected = known[made.call_id].deal
        assert made.deal is not None
        assert expected is not None
        assert (made.deal.account, made.deal.stage) == (expected.account, expected.stage)
        assert (made.deal.amount, made.deal.currency) == (expected.amount, expected.currency)
        assert made.deal.employees == expected.employees
        assert made.deal.owner == next(p.name for p in known[made.call_id].parties if p.user_id)
        assert made.deal.outcome is (Outcome.WON if expected.stage == "Closed Won" else Outcome.LOST)
        assert (made.deal.source, made.deal.company_source) == (Source.HUBSPOT, Source.HUBSPOT)


async def test_what_gong_told_is_not_asked_for(hubspot: HubSpot) -> None:
    told = call()
    assert await (await hubspot.lookup()).complete([told]) == [told]
    private = call(deal=None, is_private=True)
    assert await (await hubspot.lookup()).complete([private]) == [private]
    assert hubspot.egress.bodies == []


async def test_all_calls_together_take_a_handful_of_requests(hubspot: HubSpot) -> None:
    lookup = await hubspot.lookup()
    calls = hubspot.calls()
    await lookup.complete(calls)
    assert hubspot.paths() == {
        "/v3/objects/contacts/batch/read": 1,
        "/v3/objects/companies/search": 1,
        "/v4/associations/contacts/deals/batch/read": 1,
        "/v3/objects/deals/batch/read": 1,
        "/v3/owners/": 1,
        "/v3/pipelines/deals": 1,
        "/v3/objects/companies/batch/read": 1,
    }
    await lookup.complete(calls)
    assert len(hubspot.egress.bodies) == 7
    assert hubspot.budget.turns == 8  # a search takes two


async def test_requests_grow_with_hundreds_of_addresses_not_with_calls(hubspot: HubSpot) -> None:
    strangers = [customer(f"person{number}@gmail.com") for number in range(250)]
    await (await hubspot.lookup()).complete(strangers)
    assert hubspot.paths() == {"/v3/objects/contacts/batch/read": 3}


async def test_the_answer_is_the_same_one_by_one_and_all_at_once(hubspot: HubSpot) -> None:
    calls = hubspot.calls()
    together = await (await hubspot.lookup()).complete(calls)
    lookup = await hubspot.lookup()
    single = [(await lookup.complete([one]))[0] for one in reversed(calls)]
    assert together == single[::-1]
    assert [made.call_id for made in together] == [made.call_id for made in calls]


async def test_an_unknown_person_is_found_by_the_companys_domain(hubspot: HubSpot) -> None:
    known = hubspot.calls(in_gong=False)[0]
    address = next(party.email for party in known.parties if party.affiliation is Affiliation.EXTERNAL)
    assert address is not None
    colleague = replace(known, parties=customer(f"new.hire@{address.rpartition('@')[2]}").parties)
    lookup = await hubspot.lookup()
    [by_person] = await lookup.complete([known])
    [by_domain] = await lookup.complete([colleague])
    assert by_domain.deal is not None
    assert by_domain.deal == by_person.deal
    assert hubspot.paths()["/v4/associations/companies/deals/batch/read"] == 1


async def test_nobody_is_found_by_the_domain_of_a_free_mail_service(hubspot: HubSpot) -> None:
    stranger = customer("somebody@gmail.com")
    assert await (await hubspot.lookup()).complete([stranger]) == [stranger]
    assert "/v3/objects/companies/search" not in hubspot.paths()


async def test_what_does_not_exist_is_missing_and_no_error(hubspot: HubSpot) -> None:
    client = await hubspot.client()
    deals = list(hubspot.sandbox.sandbox.hubspot.accounts["harborline"].book.records["deals"])
    assert {one.id for one in await client.deals([deals[0], "404"])} == {deals[0]}
    assert await client.companies(["404"]) == []
    assert await client.associated("contacts", "deals", ["404"]) == {}
    assert await client.companies_of(["nobody.example"]) == []


async def test_all_pages_of_associations_are_read(stage: Stage, hubspot: HubSpot) -> None:
    settings = stage.settings(calls_dir=SHIPPED_CALLS, hubspot={"requests": None, "page_size": 1})
    async with running(settings) as other:
        book = other.sandbox.hubspot.accounts["harborline"].book
        egress = Egress([Destination(name="hubspot", base_url=f"{other.url}/hubspot")], ca_file=stage.folder / "ca.pem")
        async with egress, stage.client(other.url) as http:
            tokens = await Application(http, "hubspot").control("POST", "tokens", account="harborline", scopes=SCOPES)
            credential = Credential(f"{other.url}/hubspot", FAR_AHEAD, str(tokens["access_token"]))
            client = HubSpotClient(egress, credential, NotedBudget(), SystemClock())
            found = await client.associated("companies", "deals", list(book.records["companies"]))
    assert found == {one: book.links["companies", "deals"][one] for one in book.records["companies"]}
    assert all(len(deals) == 2 for deals in found.values())


async def test_what_is_sent_has_the_published_shape(hubspot: HubSpot) -> None:
    lookup = await hubspot.lookup()
    await lookup.complete([*hubspot.calls(), customer("new.hire@bluebonnetpet.example")])
    assert hubspot.egress.bodies
    for url, body in hubspot.egress.bodies:
        sent = json.loads(json.dumps(body))
        if "/v4/associations/" in url:
            hubspot_associations.check(sent, hubspot_associations.REQUEST)
        elif url.endswith("/batch/read"):
            specification("hubspot").check(sent, "BatchReadInputSimplePublicObjectId")
        elif url.endswith("/search"):
            specification("hubspot").check(sent, "PublicObjectSearchRequest")
        else:
            assert not sent


async def test_searches_stay_below_the_length_that_hubspot_takes(hubspot: HubSpot) -> None:
    domains = [f"{'very-' * 9}long-name-{number}.example" for number in range(150)]
    assert await (await hubspot.client()).companies_of(domains) == []
    bodies = [body for _, body in hubspot.egress.bodies]
    assert len(bodies) > 1
    assert all(len(json.dumps(body)) <= 3_000 for body in bodies)


@pytest.mark.parametrize(
    ("policy", "retry_after", "wait"),
    [("SECONDLY", None, 1.0), ("TEN_SECONDLY_ROLLING", None, 10.0), ("TEN_SECONDLY_ROLLING", 4, 4.0)],
)
async def test_a_short_wish_to_wait_is_obeyed(
    hubspot: HubSpot, policy: str, retry_after: int | None, wait: float
) -> None:
    hubspot.arm(path="/crm", status=429, policy=policy, retry_after=retry_after, count=1)
    assert await (await hubspot.client()).owners()
    assert hubspot.budget.waits == [wait]


async def test_the_daily_limit_and_a_long_wish_are_not_waited_for(hubspot: HubSpot) -> None:
    for policy, retry_after in (("DAILY", 40_000), ("SECONDLY", 3_600)):
        hubspot.arm(path="/crm", status=429, policy=policy, retry_after=retry_after, count=1)
        with pytest.raises(HubSpotBusy, match="limit"):
            await (await hubspot.client()).owners()
    assert hubspot.budget.waits == []
    assert len(hubspot.egress.bodies) == 2


async def test_a_wish_to_wait_that_never_ends_is_given_up(hubspot: HubSpot) -> None:
    hubspot.arm(path="/crm", status=429, policy="SECONDLY")
    with pytest.raises(HubSpotBusy, match="again and again"):
        await (await hubspot.client()).owners()
    assert len(hubspot.egress.bodies) == 4


async def test_an_answer_that_leaves_no_requests_holds_the_next_one_back(stage: Stage) -> None:
    async with running(stage.settings(hubspot={"requests": 1})) as other:
        egress = RecordingEgress(
            [Destination(name="hubspot", base_url=f"{other.url}/hubspot")], ca_file=stage.folder / "ca.pem"
        )
        egress.bodies = []
        async with egress:
            tight = HubSpot(stage, other, egress, NotedBudget())
            await (await tight.client()).owners()
            assert tight.budget.waits == [10.0]


async def test_a_refusal_is_told_in_hubspots_own_words_without_the_token(hubspot: HubSpot) -> None:
    with pytest.raises(HubSpotRefused, match="Settings > Integrations") as refusal:
        await (await hubspot.client(token="secret-token-9")).owners()
    assert refusal.value.provider_status == 401
    assert refusal.value.category == "INVALID_AUTHENTICATION"
    assert "secret-token-9" not in str(refusal.value)


class QuotingEgress(RecordingEgress):
    """Meets a HubSpot whose refusal quotes the token."""

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **parts: object
    ) -> httpx.Response:
        raise ProviderRejected("hubspot", 401, b'{"message": "token secret-token-9 has ended"}')


async def test_a_refusal_that_quotes_the_token_is_told_without_it() -> None:
    async with QuotingEgress([Destination(name="hubspot", base_url="https://api.hubapi.com")]) as egress:
        credential = Credential("https://api.hubapi.com", FAR_AHEAD, "secret-token-9")
        client = HubSpotClient(egress, credential, NotedBudget(), SystemClock())
        with pytest.raises(HubSpotRefused, match="token … has ended"):
            await client.owners()


async def test_without_the_scope_for_contacts_companies_are_found_by_domain(hubspot: HubSpot) -> None:
    allowed = [scope for scope in SCOPES if "contacts" not in scope]
    deals = HubSpotDeals(await hubspot.lookup(allowed))
    [made] = await deals.complete(hubspot.calls(in_gong=False)[:1])
    assert made.deal is not None
    assert made.deal.source is Source.HUBSPOT
    [remark] = deals.remarks()
    assert "contacts" in remark


async def test_without_the_scope_for_owners_the_owner_stays_an_id(hubspot: HubSpot) -> None:
    allowed = [scope for scope in SCOPES if "owners" not in scope]
    lookup = await hubspot.lookup(allowed)
    [made] = await lookup.complete(hubspot.calls(in_gong=False)[:1])
    assert made.deal is not None
    assert made.deal.owner is not None
    assert made.deal.owner.isdigit()
    assert lookup.denied == ["owners"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 500}, "500"),
        ({"status": 403}, "403"),
        ({"status": 429, "policy": "DAILY"}, "daily limit"),
        ({"malformed": True}, "cannot be read"),
        ({"truncate": True}, "hubspot"),
    ],
)
async def test_hubspot_never_keeps_a_job_from_going_on(hubspot: HubSpot, fault: dict[str, object], words: str) -> None:
    hubspot.arm(path="/crm/v4", **fault)
    deals = HubSpotDeals(await hubspot.lookup())
    calls = hubspot.calls()
    assert await deals.complete(calls) == calls
    [remark] = deals.remarks()
    assert remark.startswith("HubSpot could not be asked: ")
    assert words in remark
    sent = len(hubspot.egress.bodies)
    assert await deals.complete(calls) == calls
    assert len(hubspot.egress.bodies) == sent


async def test_a_token_that_hubspot_does_not_accept_is_the_jobs_to_judge(hubspot: HubSpot) -> None:
    hubspot.arm(path="/crm/v4", status=401)
    deals = HubSpotDeals(await hubspot.lookup())
    with pytest.raises(DealsRefused, match="HubSpot could not be asked: HubSpot answered 401") as refusal:
        await deals.complete(hubspot.calls())
    assert refusal.value.provider_status == 401
    assert deals.remarks() == []


@pytest.mark.parametrize(
    ("status", "category", "of_credential"),
    [
        (401, "EXPIRED_AUTHENTICATION", True),
        (401, "INVALID_AUTHENTICATION", True),
        (403, "", True),
        (403, "MISSING_SCOPES", False),
        (400, "VALIDATION_ERROR", False),
    ],
)
def test_a_token_that_lacks_a_scope_is_accepted(status: int, category: str, of_credential: bool) -> None:
    assert HubSpotRefused("no", status, category).is_of_credential is of_credential


async def test_an_answer_of_another_shape_names_the_field_and_no_value(hubspot: HubSpot) -> None:
    hubspot.arm(path="/crm", body='{"results": [{"id": "1", "email": 5, "firstName": ["secret"]}]}', count=1)
    with pytest.raises(HubSpotUnreadable, match=r"results\.0\.firstName") as error:
        await (await hubspot.client()).owners()
    assert "secret" not in str(error.value)


async def test_nothing_is_sent_with_a_grant_that_has_expired(hubspot: HubSpot) -> None:
    client = await hubspot.client(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(GrantExpired):
        await HubSpotDeals(DealLookup(client)).complete(hubspot.calls())
    assert hubspot.egress.bodies == []


async def test_what_nobody_foresaw_is_a_remark_without_its_words(
    hubspot: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = await hubspot.lookup()

    def broken(_data: object, _names: object) -> None:
        raise ZeroDivisionError("tomas@brightwater.example")

    monkeypatch.setattr("ingest.hubspot.lookup.read_deal", broken)
    deals, calls = HubSpotDeals(lookup), hubspot.calls()
    assert await deals.complete(calls) == calls
    assert deals.remarks() == ["HubSpot could not be asked: something went wrong on our side."]
