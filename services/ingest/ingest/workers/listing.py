"""Which of a company's calls are meant."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.domain.calls import Call
from ingest.domain.filters import CallFilter
from ingest.gong.client import GongClient


@dataclass(frozen=True, slots=True)
class Listing:
    """The calls that match, in Gong's order, and how many matched but are private: those are neither kept nor read."""

    matching: tuple[Call, ...]
    private: int


async def list_calls(gong: GongClient, wanted: CallFilter) -> Listing:
    """All calls that `wanted` means. A call that two pages both show counts once."""
    found: dict[str, Call] = {}
    private: set[str] = set()
    async for page in gong.calls_between(wanted.from_time, wanted.to_time):
        for call in page:
            if not wanted.matches(call):
                continue
            if call.is_private:
                private.add(call.call_id)
            else:
                found[call.call_id] = call
    return Listing(tuple(found.values()), len(private))
