"""Asking HubSpot.

    hubspot = HubSpotClient(egress, credential, budget, clock)
    contacts = await hubspot.contacts(emails)
    deals = await hubspot.associated("contacts", "deals", [contact.id for contact in contacts])

Everything is read in batches; what does not exist is missing from the answer. Raises egress' errors, HubSpotRefused with HubSpot's own
words, HubSpotBusy where waiting is not worth it, HubSpotUnreadable, and GrantExpired.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Literal, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from core.clock import Clock
from core.errors import Permanent, Transient
from egress import Egress, ProviderRejected
from ingest.budget import RateBudget
from ingest.domain.jobs import GrantExpired
from ingest.hubspot.credential import Credential
from ingest.hubspot.limits import TURNS_FOR_A_SEARCH, wait_after, wait_asked_for
from ingest.hubspot.models import (
    AssociationsPage,
    ErrorAnswer,
    ObjectData,
    ObjectsPage,
    OwnerData,
    OwnersPage,
    PipelineData,
    PipelinesAnswer,
)

DESTINATION = "hubspot"

# A batch of 100 takes HubSpot a second or two.
REQUEST_SECONDS = 20.0

# HubSpot's own limits of one request.
BATCH_OBJECTS = 100
BATCH_ASSOCIATIONS = 1_000
SEARCH_VALUES = 100
SEARCH_PAGE = 200
OWNERS_PAGE = 500

# A search's body may hold 3,000 characters; the rest of ours takes about 200.
SEARCH_CHARACTERS = 2_500

# Pages of one answer that are read: of owners 5,000, of a search its whole 10,000, of one object's associations 500 a page.
MOST_PAGES = 10

# How often one request is sent again after a 429.
MOST_REPEATS = 3

_LONGEST_WORDS = 300
_CONTACT = ("email", "hs_additional_emails", "associatedcompanyid")
_COMPANY = ("name", "domain", "numberofemployees", "industry")
_DEAL = (
    "dealname",
    "dealstage",
    "pipeline",
    "amount",
    "deal_currency_code",
    "hubspot_owner_id",
    "createdate",
    "closedate",
    "hs_is_closed",
    "hs_is_closed_won",
    "hs_primary_associated_company",
)

MISSING_SCOPES = "MISSING_SCOPES"

Kind = Literal["contacts", "companies", "deals"]
Answer = TypeVar("Answer", bound=BaseModel)
Body = dict[str, object]


class _Reply(Struct, frozen=True):
    """What is looked at of an answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HubSpotRefused(Permanent):
    """HubSpot said no; the text holds its own words. `category` is its machine word, MISSING_SCOPES for example."""

    problem = "hubspot-refused"
    title = "HubSpot refused the request"

    def __init__(self, words: str, status: int, category: str) -> None:
        super().__init__(words)
        self.provider_status, self.category = status, category

    @property
    def is_of_credential(self) -> bool:
        """Whether HubSpot accepts the token no more; one that lacks a scope is accepted."""
        return self.provider_status == HTTPStatus.UNAUTHORIZED or (
            self.provider_status == HTTPStatus.FORBIDDEN and self.category != MISSING_SCOPES
        )


class HubSpotBusy(Transient):
    """HubSpot asks to wait, longer or more often than a deal's context is worth."""


class HubSpotUnreadable(Transient):
    """HubSpot's answer is not of the shape it documents."""


class HubSpotClient:
    """One account's HubSpot, for the length of one job. `requests` counts what was sent, repetitions included."""

    def __init__(self, egress: Egress, credential: Credential, budget: RateBudget, clock: Clock) -> None:
        self._egress = egress
        self._credential = credential
        self._budget = budget
        self._clock = clock
        self.requests = 0

    async def contacts(self, emails: Sequence[str]) -> list[ObjectData]:
        """The contacts with these addresses, each with its company's id."""
        return await self._read("contacts", emails, _CONTACT, id_property="email")

    async def companies(self, company_ids: Sequence[str]) -> list[ObjectData]:
        """The companies with these ids."""
        return await self._read("companies", company_ids, _COMPANY)

    async def deals(self, deal_ids: Sequence[str]) -> list[ObjectData]:
        """The deals with these ids."""
        return await self._read("deals", deal_ids, _DEAL)

    async def companies_of(self, domains: Sequence[str]) -> list[ObjectData]:
        """The companies with these domains, in lower case; a domain may have several."""
        found: list[ObjectData] = []
        for some in _fitting(domains):
            wanted = {"propertyName": "domain", "operator": "IN", "values": some}
            body: Body = {
                "filterGroups": [{"filters": [wanted]}],
                "properties": list(_COMPANY),
                "limit": SEARCH_PAGE,
                "sorts": ["hs_object_id"],
            }
            async for page in self._search("companies", body):
                found += page.results
        return found

    async def associated(self, kind: Kind, to: Kind, object_ids: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the objects of kind `to` that each of these is associated with; one without any is missing."""
        found: dict[str, list[str]] = {}
        path = f"/crm/v4/associations/{kind}/{to}/batch/read"
        asked: list[Body] = [{"id": object_id} for object_id in object_ids]
        for _ in range(MOST_PAGES):
            more: list[Body] = []
            for some in _chunks(asked, BATCH_ASSOCIATIONS):
                page = await self._ask("POST", path, AssociationsPage, json={"inputs": some})
                for item in page.results:
                    found.setdefault(item.start.id, []).extend(end.to_object_id for end in item.to)
                    if item.paging and item.paging.next:
                        more.append({"id": item.start.id, "after": item.paging.next.after})
            asked = more
        return found

    async def owners(self) -> list[OwnerData]:
        """All owners of the account."""
        found: list[OwnerData] = []
        params: dict[str, str | int | float | bool | list[str] | None] = {"limit": OWNERS_PAGE}
        for _ in range(MOST_PAGES):
            page = await self._ask("GET", "/crm/v3/owners/", OwnersPage, params=params)
            found += page.results
            if page.paging is None or page.paging.next is None:
                break
            params = {**params, "after": page.paging.next.after}
        return found

    async def pipelines(self) -> list[PipelineData]:
        """All pipelines of deals, with their stages."""
        return (await self._ask("GET", "/crm/v3/pipelines/deals", PipelinesAnswer)).results

    async def _read(
        self, kind: Kind, ids: Sequence[str], properties: Sequence[str], id_property: str = ""
    ) -> list[ObjectData]:
        found: list[ObjectData] = []
        for some in _chunks(ids, BATCH_OBJECTS):
            body: Body = {
                "inputs": [{"id": one} for one in some],
                "properties": list(properties),
                "propertiesWithHistory": [],
            }
            if id_property:
                body["idProperty"] = id_property
            found += (await self._ask("POST", f"/crm/v3/objects/{kind}/batch/read", ObjectsPage, json=body)).results
        return found

    async def _search(self, kind: Kind, body: Body) -> AsyncIterator[ObjectsPage]:
        for _ in range(MOST_PAGES):
            path = f"/crm/v3/objects/{kind}/search"
            page = await self._ask("POST", path, ObjectsPage, json=body, turns=TURNS_FOR_A_SEARCH)
            yield page
            if page.paging is None or page.paging.next is None:
                return
            body = {**body, "after": page.paging.next.after}

    async def _ask(
        self,
        method: str,
        path: str,
        shape: type[Answer],
        *,
        json: Body | None = None,
        params: Mapping[str, str | int | float | bool | list[str] | None] | None = None,
        turns: int = 1,
    ) -> Answer:
        """One answer, with the waiting that HubSpot asks for."""
        for _ in range(1 + MOST_REPEATS):
            reply = await self._sent(method, path, json, params, turns)
            if reply.status != HTTPStatus.TOO_MANY_REQUESTS:
                return await self._read_answer(path, reply, shape)
            await self._obey(reply)
        raise HubSpotBusy("HubSpot asked to wait again and again")

    async def _sent(
        self,
        method: str,
        path: str,
        json: Body | None,
        params: Mapping[str, str | int | float | bool | list[str] | None] | None,
        turns: int,
    ) -> _Reply:
        async def turn() -> None:
            for _ in range(turns):
                await self._budget.turn()
            self._check_grant()
            self.requests += 1

        self._check_grant()
        try:
            response = await self._egress.request(
                DESTINATION,
                method,
                self._credential.base_url + path,
                json=json,
                params=params,
                headers=self._credential.headers,
                timeout=REQUEST_SECONDS,
                idempotent=True,
                accept=(HTTPStatus.TOO_MANY_REQUESTS,),
                turn=turn,
            )
        except ProviderRejected as rejection:
            raise self._refused(rejection) from rejection
        return _Reply(response.status_code, response.headers, response.content)

    def _check_grant(self) -> None:
        if self._clock.now() >= self._credential.expires_at:
            raise GrantExpired("hubspot")

    async def _read_answer(self, path: str, reply: _Reply, shape: type[Answer]) -> Answer:
        wait = wait_after(reply.headers)
        if wait > 0:
            await self._budget.hold_back(wait)
        try:
            return shape.model_validate_json(reply.content)
        except ValidationError as error:
            raise HubSpotUnreadable(_unreadable(path, error)) from None

    async def _obey(self, reply: _Reply) -> None:
        said = _error(reply.content)
        wait = wait_asked_for(said.policy_name, reply.headers)
        if wait is None:
            limit = "daily limit of requests is used up" if said.policy_name == "DAILY" else "limit is reached"
            raise HubSpotBusy(f"HubSpot's {limit}")
        await self._budget.hold_back(wait)

    def _refused(self, rejection: ProviderRejected) -> HubSpotRefused:
        said, status = _error(rejection.body), rejection.provider_status
        words = self._credential.redact(_plain(said.message))
        told = f'HubSpot answered {status}: "{words}"' if words else f"HubSpot answered {status}"
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            told += ". Reconnect HubSpot in Settings > Integrations"
        return HubSpotRefused(told, status, said.category)


def _error(body: bytes) -> ErrorAnswer:
    try:
        return ErrorAnswer.model_validate_json(body)
    except ValidationError:
        return ErrorAnswer()


def _plain(said: str) -> str:
    """HubSpot's sentence, short and without control characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in said).split())[
        :_LONGEST_WORDS
    ]


def _unreadable(path: str, error: ValidationError) -> str:
    """Which field of which answer was wrong, without its value."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "the body"
    return f"HubSpot's answer to {path} cannot be read: {place} ({fault['type']})"


Item = TypeVar("Item")


def _chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))


def _fitting(values: Sequence[str]) -> Iterator[list[str]]:
    """As many values as one search may hold, by their number and by their length with quotes and comma."""
    some: list[str] = []
    for value in values:
        length = sum(len(one) + 3 for one in some) + len(value) + 3
        if some and (len(some) == SEARCH_VALUES or length > SEARCH_CHARACTERS):
            yield some
            some = []
        some.append(value)
    if some:
        yield some
