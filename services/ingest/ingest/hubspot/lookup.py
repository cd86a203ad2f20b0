"""The deals and companies of many calls at once.

addresses -> contacts -> their deals; where a contact has none, its company's; where there is no contact, the company with the address's
domain. Every step reads what is not known yet, in batches, and remembers it until the job ends. `docs/hubspot.md` counts the requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct, field

from core.log import logger
from ingest.domain.calls import Call, Source
from ingest.domain.deals import (
    CrmCompany,
    CrmDeal,
    choose_deal,
    company_domain,
    completed,
    customer_addresses,
    has_questions,
)
from ingest.hubspot.client import MISSING_SCOPES, HubSpotClient, HubSpotRefused, Kind
from ingest.hubspot.models import ObjectData
from ingest.hubspot.reading import (
    Names,
    company_web_domain,
    contact_addresses,
    contact_company,
    owner_names,
    read_company,
    read_deal,
    stage_labels,
)

log = logger("ingest.hubspot")

# Of one contact or company that has more, the newest so many are looked at: each batch of them is a request.
MOST_DEALS = 100

Kept = TypeVar("Kept")
Read = TypeVar("Read")


class _Contact(Struct, frozen=True):
    contact_id: str
    company_id: str


class _Known(Struct):
    """What HubSpot has told in this job. None: it was asked and has none."""

    contacts: dict[str, _Contact | None] = field(default_factory=dict)
    domains: dict[str, str | None] = field(default_factory=dict)
    deals_of_contact: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    deals_of_company: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    deals: dict[str, CrmDeal | None] = field(default_factory=dict)
    companies: dict[str, CrmCompany | None] = field(default_factory=dict)


class DealLookup:
    """One job's questions to HubSpot. `denied` names what the connection may not read."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._known = _Known()
        self._names: Names | None = None
        self.denied: list[str] = []

    async def complete(self, calls: Sequence[Call]) -> list[Call]:
        """The same calls in the same order, with deal and company where HubSpot knows them. Raises what the client raises."""
        lacking = [call for call in calls if has_questions(call)]
        addresses = {call.call_id: customer_addresses(call) for call in lacking}
        wanted = _once(address for some in addresses.values() for address in some)
        if not wanted:
            return list(calls)
        await self._find_people(wanted)
        await self._find_deals(addresses.values())
        found = {call.call_id: self._deal_of(call, addresses[call.call_id]) for call in lacking}
        companies = {call.call_id: self._company_of(found[call.call_id], addresses[call.call_id]) for call in lacking}
        await _learn(self._known.companies, companies.values(), self._read_companies)
        return [
            completed(call, found[call.call_id], self._known.companies.get(companies[call.call_id]), Source.HUBSPOT)
            if call.call_id in found
            else call
            for call in calls
        ]

    async def _find_people(self, addresses: Sequence[str]) -> None:
        """Contacts by address, and companies by domain for whoever has neither a contact nor, as a contact, a company."""
        await _learn(self._known.contacts, addresses, self._read_contacts)
        strangers = [address for address in addresses if not self._contact_company(address)]
        await _learn(self._known.domains, map(company_domain, strangers), self._search_domains)

    async def _find_deals(self, calls: Iterable[Sequence[str]]) -> None:
        """The deals of the contacts, and of the companies of calls none of whose contacts has any."""
        groups = list(calls)
        contacts = [contact.contact_id for group in groups for contact in self._contacts(group)]
        await _learn(self._known.deals_of_contact, contacts, self._associations("contacts"))
        companies = [
            company for group in groups if not self._contact_deals(group) for company in self._companies(group)
        ]
        await _learn(self._known.deals_of_company, companies, self._associations("companies"))
        await _learn(self._known.deals, (one for group in groups for one in self._deal_ids(group)), self._read_deals)

    def _deal_of(self, call: Call, addresses: Sequence[str]) -> CrmDeal | None:
        deals = [self._known.deals.get(deal_id) for deal_id in self._deal_ids(addresses)]
        return choose_deal((deal for deal in deals if deal is not None), call.started_at)

    def _company_of(self, deal: CrmDeal | None, addresses: Sequence[str]) -> str:
        """The deal's own company, or else that of the first on the call who has one."""
        return (deal.company_id if deal else "") or next(iter(self._companies(addresses)), "")

    def _contacts(self, addresses: Sequence[str]) -> list[_Contact]:
        found = [self._known.contacts.get(address) for address in addresses]
        return [contact for contact in found if contact is not None]

    def _contact_company(self, address: str) -> str:
        contact = self._known.contacts.get(address)
        return contact.company_id if contact else ""

    def _companies(self, addresses: Sequence[str]) -> list[str]:
        found = [
            self._contact_company(address) or self._known.domains.get(company_domain(address)) for address in addresses
        ]
        return _once(company for company in found if company)

    def _contact_deals(self, addresses: Sequence[str]) -> list[str]:
        found = [self._known.deals_of_contact.get(contact.contact_id) for contact in self._contacts(addresses)]
        return _once(deal for deals in found for deal in deals or ())

    def _deal_ids(self, addresses: Sequence[str]) -> list[str]:
        companies = [self._known.deals_of_company.get(company) for company in self._companies(addresses)]
        return self._contact_deals(addresses) or _once(deal for deals in companies for deal in deals or ())

    async def _read_contacts(self, addresses: Sequence[str]) -> Mapping[str, _Contact]:
        found = await self._allowed(self._client.contacts(addresses), "contacts", list[ObjectData]())
        return {
            address: _Contact(data.id, contact_company(data))
            for data in sorted(found, key=_age, reverse=True)
            for address in contact_addresses(data)
        }

    async def _search_domains(self, domains: Sequence[str]) -> Mapping[str, str]:
        """Of several companies with one domain, the oldest: the others are as a rule its duplicates."""
        found = await self._client.companies_of(domains)
        return {company_web_domain(data): data.id for data in sorted(found, key=_age, reverse=True)}

    def _associations(self, kind: Kind) -> Callable[[Sequence[str]], Awaitable[Mapping[str, tuple[str, ...]]]]:
        async def read(ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
            found = await self._client.associated(kind, "deals", ids)
            return {one: tuple(sorted(_once(deals), key=_number)[-MOST_DEALS:]) for one, deals in found.items()}

        return read

    async def _read_deals(self, deal_ids: Sequence[str]) -> Mapping[str, CrmDeal]:
        found = await self._client.deals(deal_ids)
        names = await self._meanings() if found else Names({}, {})
        return {data.id: read_deal(data, names) for data in found}

    async def _read_companies(self, company_ids: Sequence[str]) -> Mapping[str, CrmCompany]:
        return {data.id: read_company(data) for data in await self._client.companies(company_ids)}

    async def _meanings(self) -> Names:
        if self._names is None:
            owners = await self._allowed(self._client.owners(), "owners", [])
            pipelines = await self._allowed(self._client.pipelines(), "pipelines", [])
            self._names = Names(owner_names(owners), stage_labels(pipelines))
        return self._names

    async def _allowed(self, asked: Awaitable[Read], what: str, otherwise: Read) -> Read:
        """What was asked, or `otherwise` where the connection lacks the scope for it: the rest is worth having without."""
        try:
            return await asked
        except HubSpotRefused as refusal:
            if refusal.category != MISSING_SCOPES:
                raise
        if what not in self.denied:
            self.denied.append(what)
            log.warning("the connection with HubSpot lacks a scope", what=what)
        return otherwise


async def _learn(
    known: dict[str, Kept | None],
    wanted: Iterable[str],
    read: Callable[[Sequence[str]], Awaitable[Mapping[str, Kept]]],
) -> None:
    """Read what is wanted and not known, and remember also what there is none of."""
    missing = [key for key in _once(wanted) if key and key not in known]
    if missing:
        found = await read(missing)
        known.update({key: found.get(key) for key in missing})


def _once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _number(object_id: str) -> tuple[int, str]:
    """HubSpot's ids are numbers that grow, as text."""
    return len(object_id), object_id


def _age(data: ObjectData) -> tuple[int, str]:
    return _number(data.id)
