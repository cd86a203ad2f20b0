"""Which calls are meant: the time range is the provider's business, the rest is decided here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from ingest.domain.calls import Call, Deal, Party

# What Gong calls a direction today. Whatever else it says, or nothing, counts as unknown.
DIRECTIONS = frozenset({"inbound", "outbound", "conference"})
UNKNOWN_DIRECTION = "unknown"

_WORD = re.compile(r"\w+")


class CallFilter(Struct, frozen=True):
    """From inclusive, to exclusive; an empty list or None sets no condition. Bounds are inclusive.

    One of `deal_stages`, `owners`, `directions` or `participants` is enough; of `title_words` all have to be there.
    """

    from_time: datetime
    to_time: datetime
    deal_stages: tuple[str, ...] = ()
    amount_min: float | None = None
    amount_max: float | None = None
    owners: tuple[str, ...] = ()
    employees_min: int | None = None
    employees_max: int | None = None
    directions: tuple[str, ...] = ()
    seconds_min: int | None = None
    seconds_max: int | None = None
    title_words: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()

    @property
    def asks_for_deals(self) -> bool:
        """Whether it sets a condition on what only a CRM tells."""
        bounds = (self.amount_min, self.amount_max, self.employees_min, self.employees_max)
        return bool(self.deal_stages or self.owners) or any(bound is not None for bound in bounds)

    def matches(self, call: Call) -> bool:
        """Whether `call` is meant. A condition on something that nobody says is not met."""
        return self.from_time <= call.started_at < self.to_time and self._suits(call) and self._concerns(call)

    def _suits(self, call: Call) -> bool:
        """What the call itself says."""
        return (
            (not self.directions or _is_one_of([_direction(call)], self.directions))
            and _is_within(call.duration_seconds, self.seconds_min, self.seconds_max)
            and _words(" ".join(self.title_words)) <= _words(call.title)
            and (not self.participants or _is_one_of(list(_names(call.parties)), self.participants))
        )

    def _concerns(self, call: Call) -> bool:
        """What the CRM says of its deal."""
        deal = call.deal or Deal()
        return (
            (not self.deal_stages or _is_one_of([deal.stage], self.deal_stages))
            and (not self.owners or _is_one_of(_owner_names(call, deal), self.owners))
            and _is_within(deal.amount, self.amount_min, self.amount_max)
            and _is_within(deal.employees, self.employees_min, self.employees_max)
        )


def _direction(call: Call) -> str:
    return call.direction if call.direction in DIRECTIONS else UNKNOWN_DIRECTION


def _words(text: str) -> frozenset[str]:
    """The words of `text`, so that ones that differ in case or in how Unicode spells them are the same."""
    return frozenset(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _names(parties: Sequence[Party]) -> Iterator[str]:
    """What somebody on the call may be called: name, e-mail, and the e-mail's domain with and without its @."""
    for party in parties:
        yield party.name
        if party.email:
            domain = party.email.rpartition("@")[2]
            yield from (party.email, domain, f"@{domain}")


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
