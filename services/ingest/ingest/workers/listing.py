"""Which of a company's calls are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.domain.calls import Call, CallId
from ingest.domain.deals import DealSource
from ingest.domain.filters import CallFilter
from ingest.gong.client import GongClient

Taker = Callable[[Call], None]


@dataclass(slots=True)
class Tally:
    """How many calls match, how long they are together, and how many match but are private: those are neither kept nor read."""

    matching: int = 0
    seconds: int = 0
    private: int = 0
    _seen: set[CallId] = field(default_factory=set)

    def count(self, call: Call, wanted: CallFilter) -> bool:
        """Count `call` if it is meant; whether it is, may be read, and had not been counted before."""
        if call.call_id in self._seen or not wanted.matches(call):
            return False
        self._seen.add(call.call_id)
        if call.is_private:
            self.private += 1
            return False
        self.matching += 1
        self.seconds += call.duration_seconds
        return True


async def list_calls(
    gong: GongClient, deals: DealSource, wanted: CallFilter, found: Taker, met: Taker | None = None
) -> Tally:
    """Give `found` each call that `wanted` means and that may be read, completed by `deals`. One that two pages both show counts once.

    `met` is given every call of the time range as Gong tells of it.
    """
    tally = Tally()
    async for page in gong.calls_between(wanted.from_time, wanted.to_time):
        if met is not None:
            for call in page:
                met(call)
        for call in await deals.complete(page):
            if tally.count(call, wanted):
                found(call)
    return tally
