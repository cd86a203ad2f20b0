"""Which of a company's calls are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest.domain.calls import Call, CallId
from ingest.domain.deals import DealSource
from ingest.domain.filters import CallFilter
from ingest.gong.client import GongClient


@dataclass(slots=True)
class Tally:
    """How many calls match, how long they are together, and how many match but are private: those are neither kept nor read."""

    matching: int = 0
    seconds: int = 0
    private: int = 0


async def list_calls(gong: GongClient, deals: DealSource, wanted: CallFilter, found: Callable[[Call], None]) -> Tally:
    """Give `found` each call that `wanted` means and that may be read, completed by `deals`. One that two pages both show counts once."""
    tally, seen = Tally(), set[CallId]()
    async for page in gong.calls_between(wanted.from_time, wanted.to_time):
        for call in await deals.complete(page):
            if call.call_id in seen or not wanted.matches(call):
                continue
            seen.add(call.call_id)
            if call.is_private:
                tally.private += 1
                continue
            tally.matching += 1
            tally.seconds += call.duration_seconds
            found(call)
    return tally
