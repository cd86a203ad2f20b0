"""Which calls are meant: the time range is the provider's business, the rest is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.domain.calls import Call, Deal


@dataclass(frozen=True, slots=True)
class CallFilter:
    """From inclusive, to exclusive; an empty list or None sets no condition. Bounds are inclusive."""

    from_time: datetime
    to_time: datetime
    deal_stages: tuple[str, ...] = ()
    amount_min: float | None = None
    amount_max: float | None = None
    owners: tuple[str, ...] = ()
    employees_min: int | None = None
    employees_max: int | None = None

    @property
    def asks_for_deals(self) -> bool:
        """Whether it sets a condition on what only a CRM tells."""
        bounds = (self.amount_min, self.amount_max, self.employees_min, self.employees_max)
        return bool(self.deal_stages or self.owners) or any(bound is not None for bound in bounds)

    def matches(self, call: Call) -> bool:
        """Whether `call` is meant. A condition on something the CRM does not say is not met."""
        if not self.from_time <= call.started_at < self.to_time:
            return False
        deal = call.deal or Deal()
        return (
            (not self.deal_stages or _is_one_of([deal.stage], self.deal_stages))
            and (not self.owners or _is_one_of(_owner_names(call, deal), self.owners))
            and _is_within(deal.amount, self.amount_min, self.amount_max)
            and _is_within(deal.employees, self.employees_min, self.employees_max)
        )


def _owner_names(call: Call, deal: Deal) -> list[str | None]:
    """What the deal's owner is called. The CRM often gives the name alone; the call knows that person's e-mail."""
    names: list[str | None] = [deal.owner]
    if deal.owner and call.owner and _is_one_of([deal.owner], [call.owner.name, call.owner.email or ""]):
        names += [call.owner.name, call.owner.email]
    for party in call.parties:
        if deal.owner and _is_one_of([deal.owner], [party.name, party.email or ""]):
            names += [party.name, party.email]
    return names


def _is_one_of(values: Sequence[str | None], wanted: Sequence[str]) -> bool:
    accepted = {text.strip().casefold() for text in wanted}
    return any(value is not None and value.strip().casefold() in accepted for value in values)


def _is_within(value: float | None, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    if value is None:
        return False
    return (least is None or value >= least) and (most is None or value <= most)
