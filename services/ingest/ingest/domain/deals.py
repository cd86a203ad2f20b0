"""Which deal a call belongs to, where the call's own record does not say, and what that adds to the call.

Only the CRM's objects as such are known here, whatever CRM they are from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from ingest.domain.calls import Affiliation, Call, Deal, Outcome, Source
from ingest.domain.free_mail import FREE_MAIL

# A first conversation often comes before somebody enters its deal: so much later a deal may be made and still be the call's.
MADE_AFTERWARDS = timedelta(days=30)


class CrmDeal(Struct, frozen=True):
    """A deal as it is now. `closed_at` is None while it is open; `company_id` is empty where none is noted."""

    deal_id: str
    created_at: datetime
    closed_at: datetime | None = None
    company_id: str = ""
    stage: str | None = None
    amount: float | None = None
    currency: str | None = None
    owner: str | None = None
    outcome: Outcome | None = None

    def is_open_at(self, moment: datetime) -> bool:
        """Whether it was being worked on at `moment`."""
        return self.created_at <= moment and (self.closed_at is None or self.closed_at > moment)


class CrmCompany(Struct, frozen=True):
    """A company as it is now."""

    company_id: str
    name: str | None = None
    employees: int | None = None
    industry: str | None = None


class DealSource(Protocol):
    """Where deals are looked up that calls do not tell of, for the length of one job."""

    async def complete(self, calls: Sequence[Call]) -> Sequence[Call]:
        """The same calls in the same order, with what the source knows."""
        ...

    def remarks(self) -> list[str]:
        """What went wrong so far, in words fit for the page."""
        ...


class NoSource:
    """There is nothing to ask; `remark` says why where somebody would expect it."""

    def __init__(self, remark: str = "") -> None:
        self._remark = remark

    async def complete(self, calls: Sequence[Call]) -> Sequence[Call]:
        """The calls as they are."""
        return calls

    def remarks(self) -> list[str]:
        """Why nothing was asked."""
        return [self._remark] if self._remark else []


def lacks_context(call: Call) -> bool:
    """Whether the call's own record tells nothing of a deal, or not how large the company is."""
    return not _tells_deal(call.deal) or call.deal is None or call.deal.employees is None


def has_questions(call: Call) -> bool:
    """Whether a CRM can be asked anything about the call: it lacks context, may be looked at, and names somebody to look for."""
    return lacks_context(call) and not call.is_private and bool(customer_addresses(call))


def choose_deal(deals: Iterable[CrmDeal], moment: datetime) -> CrmDeal | None:
    """The deal that a call at `moment` belongs to, the same in whatever order they come.

    1. Of the deals open then, the one made last.
    2. Of those closed by then, the one closed last: what is talked about after the end is how it ended.
    3. Of those made up to 30 days later, the one made first.
    Ties go to the higher id, which HubSpot gave later.
    """
    known = list(deals)
    if open_then := [deal for deal in known if deal.is_open_at(moment)]:
        return max(open_then, key=lambda deal: (deal.created_at, _rank(deal)))
    if before := [deal for deal in known if deal.created_at <= moment]:
        return max(before, key=lambda deal: (deal.closed_at or deal.created_at, deal.created_at, _rank(deal)))
    soon = [deal for deal in known if deal.created_at <= moment + MADE_AFTERWARDS]
    return min(sorted(soon, key=_rank, reverse=True), key=lambda deal: deal.created_at, default=None)


def completed(call: Call, deal: CrmDeal | None, company: CrmCompany | None, source: Source) -> Call:
    """`call` with what `source` knows. What the call's own record says stays: stage, amount, currency, owner and outcome come from one
    source together, so that no two deals are mixed.
    """
    now = call.deal or Deal()
    if deal is not None and not _tells_deal(now):
        now = replace(
            now,
            stage=deal.stage,
            amount=deal.amount,
            currency=deal.currency,
            owner=deal.owner,
            outcome=deal.outcome,
            source=source,
        )
    if company is not None:
        now = replace(now, account=now.account or company.name, industry=now.industry or company.industry)
        if now.employees is None and company.employees is not None:
            now = replace(now, employees=company.employees, company_source=source)
    return call if now == (call.deal or Deal()) else replace(call, deal=now)


def customer_addresses(call: Call) -> list[str]:
    """E-mail addresses of those on the call who are not the seller's, in lower case, each once, in the call's order."""
    sellers = {_domain(party.email) for party in call.parties if party.affiliation is Affiliation.INTERNAL}
    sellers |= {_domain(call.owner.email)} if call.owner else set()
    addresses = [
        party.email.strip().lower()
        for party in call.parties
        if party.email and party.affiliation is not Affiliation.INTERNAL and _domain(party.email) not in sellers
    ]
    return [address for address in dict.fromkeys(addresses) if _domain(address)]


def company_domain(address: str) -> str:
    """The domain of an address where it tells the company; empty for one that anybody can have."""
    domain = _domain(address)
    return "" if domain in FREE_MAIL else domain


def _tells_deal(deal: Deal | None) -> bool:
    return deal is not None and (deal.stage, deal.amount, deal.owner) != (None, None, None)


def _domain(address: str | None) -> str:
    name, at, domain = (address or "").strip().lower().rpartition("@")
    return domain.rstrip(".") if name and at else ""


def _rank(deal: CrmDeal) -> tuple[int, str]:
    """Ids are numbers written as text, of any length."""
    return len(deal.deal_id), deal.deal_id
