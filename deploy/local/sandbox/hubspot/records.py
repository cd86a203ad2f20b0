"""What the CRM of each account holds: made from the calls, so that both tell the same story.

Each customer of the calls is a company, its people are contacts (of each call the first two that have an address; further ones nobody has
entered), its deal stands as at its last call, and below it lies an old one that was lost long before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from local.sandbox.corpus.calls import Affiliation, Deal, Party, RecordedCall
from local.sandbox.corpus.identifiers import numeric_id

PIPELINE = "default"
STAGES: Mapping[str, str] = {
    "appointmentscheduled": "Discovery",
    "qualifiedtobuy": "Evaluation",
    "presentationscheduled": "Proposal",
    "contractsent": "Negotiation",
    "closedwon": "Closed Won",
    "closedlost": "Closed Lost",
}
"""Stage ids of the only pipeline and what they are called."""

_IDS = {label: stage for stage, label in STAGES.items()}
_ENTERED = 2
_BEFORE_FIRST_CALL = timedelta(days=10)
_LONG_AGO = timedelta(days=400)
_FOUNDED = datetime(2025, 1, 6, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """A contact, company or deal; a missing property is null."""

    record_id: str
    properties: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """One of the seller's people."""

    owner_id: str
    email: str
    first_name: str
    last_name: str


@dataclass(slots=True)
class Book:
    """One account's records by kind and id, and who belongs to whom: ``links[kind, to][id]``."""

    records: dict[str, dict[str, Record]] = field(
        default_factory=lambda: {"contacts": {}, "companies": {}, "deals": {}}
    )
    links: dict[tuple[str, str], dict[str, list[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    owners: dict[str, Owner] = field(default_factory=dict)

    def add(self, kind: str, record: Record) -> None:
        """Adds a record, or replaces the one with its id."""
        self.records[kind][record.record_id] = record

    def link(self, kind: str, record_id: str, to: str, other_id: str) -> None:
        """Associates two records, both ways."""
        for one, other in (((kind, record_id), (to, other_id)), ((to, other_id), (kind, record_id))):
            known = self.links[one[0], other[0]][one[1]]
            if other[1] not in known:
                known.append(other[1])


def read_book(calls: Sequence[RecordedCall]) -> Book:
    """The CRM of the workspace that these calls are from."""
    book = Book()
    customers: dict[str, list[RecordedCall]] = defaultdict(list)
    for call in calls:
        if call.deal is not None:
            customers[call.deal.account].append(call)
    for account, theirs in customers.items():
        _enter(book, account, sorted(theirs, key=lambda call: call.started_at))
    return book


def hubspot_id(kind: str, *parts: str) -> str:
    """An id of eleven digits, as HubSpot's are."""
    return numeric_id(f"hubspot {kind}", *parts)[:11]


def _enter(book: Book, account: str, calls: Sequence[RecordedCall]) -> None:
    first, last = calls[0], calls[-1]
    if last.deal is None:
        return
    company_id = hubspot_id("company", first.workspace, account)
    people = {party.email: party for call in calls for party in _entered(call.parties) if party.email}
    domain = next((email.rpartition("@")[2] for email in people), "")
    told = {
        "name": account,
        "domain": domain,
        "numberofemployees": str(last.deal.employees),
        "industry": last.deal.industry.upper().replace(" ", "_"),
    }
    book.add("companies", Record(company_id, told, _FOUNDED))
    now, old = _deals(last.deal, _owner(book, last), company_id, first.started_at, last.started_at)
    for deal in (old, now):
        book.add("deals", deal)
        book.link("companies", company_id, "deals", deal.record_id)
    for email, party in people.items():
        contact = _contact(first.workspace, email, party, company_id)
        book.add("contacts", contact)
        book.link("contacts", contact.record_id, "companies", company_id)
        book.link("contacts", contact.record_id, "deals", now.record_id)


def _entered(parties: Iterable[Party]) -> list[Party]:
    return [party for party in parties if party.affiliation is Affiliation.EXTERNAL and party.email][:_ENTERED]


def _contact(workspace: str, email: str, party: Party, company_id: str) -> Record:
    first, _, last = party.name.partition(" ")
    told = {"email": email.lower(), "firstname": first, "lastname": last, "associatedcompanyid": company_id}
    return Record(hubspot_id("contact", workspace, email), told, _FOUNDED)


def _deals(
    deal: Deal, owner_id: str, company_id: str, first_call: datetime, last_call: datetime
) -> tuple[Record, Record]:
    """The deal as its last call left it, and the one that was lost long ago."""
    made = first_call - _BEFORE_FIRST_CALL
    # A debrief is about what is over: a deal that is closed was closed the day before its last call.
    now = _deal(deal, company_id, owner_id, _IDS.get(deal.stage, deal.stage), made, last_call - timedelta(days=1))
    old = _deal(deal, company_id, owner_id, "closedlost", made - _LONG_AGO, made - _LONG_AGO / 2)
    return now, old


def _deal(deal: Deal, company_id: str, owner_id: str, stage: str, made: datetime, closes: datetime) -> Record:
    told = {
        "dealname": f"{deal.account}: {deal.segment}",
        "dealstage": stage,
        "pipeline": PIPELINE,
        "amount": str(deal.amount),
        "deal_currency_code": deal.currency,
        "hubspot_owner_id": owner_id,
        "createdate": _text(made),
        "closedate": _text(closes),
        "hs_is_closed": str(stage in {"closedwon", "closedlost"}).lower(),
        "hs_is_closed_won": str(stage == "closedwon").lower(),
        "hs_primary_associated_company": company_id,
    }
    return Record(hubspot_id("deal", company_id, made.date().isoformat()), told, made)


def _owner(book: Book, call: RecordedCall) -> str:
    person = call.owner
    if person is None:
        return ""
    first, _, last = person.name.partition(" ")
    owner_id = hubspot_id("owner", call.workspace, person.name)[:9]
    book.owners[owner_id] = Owner(owner_id, person.email or "", first, last)
    return owner_id


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
