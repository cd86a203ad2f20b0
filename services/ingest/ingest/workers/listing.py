"""Which of a company's calls are meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from msgspec import Struct, field

from ingest.domain.calls import Call, CallId
from ingest.domain.choice import Choice
from ingest.domain.deals import DealSource
from ingest.domain.filters import CallFilter
from ingest.domain.pages import RunPage
from ingest.gong.client import GongClient

Taker = Callable[[Call], None]
Erased = Callable[[Sequence[CallId]], Awaitable[frozenset[CallId]]]
"""Which of these calls are erased."""

Page = TypeVar("Page")


class Tally(Struct):
    """How many calls match, how long they are together, and how many match but are private: those are neither kept nor read.

    `erased`: how many of a run's pages match and are erased; they match, and are not read either.

    A call that comes again counts as it did the first time.
    """

    matching: int = 0
    seconds: int = 0
    private: int = 0
    erased: int = 0
    _seen: set[CallId] = field(default_factory=set)

    def count(self, call: Call, wanted: CallFilter) -> bool:
        """Count `call` if it is meant; whether it is, may be read, and had not been counted before."""
        if not wanted.matches(call):
            return False
        if call.is_private:
            self.leave_out(call.call_id)
            return False
        return self.take(call.call_id, call.duration_seconds)

    def take(self, call_id: CallId, seconds: int) -> bool:
        """Count a call that matches and may be read; whether it had not been counted before."""
        is_new = self._is_new(call_id)
        if is_new:
            self.matching += 1
            self.seconds += seconds
        return is_new

    def leave_out(self, call_id: CallId) -> None:
        """Count a call that matches and may not be read."""
        self.private += self._is_new(call_id)

    def take_page(self, page: RunPage, choice: Choice) -> None:
        """Count the calls of a page, and give `choice` those that had not been counted before."""
        self.erased += page.erased
        self.matching += page.erased
        for call_id in page.private:
            self.leave_out(call_id)
        for call in page.chosen:
            if self.take(call.call_id, call.duration_seconds):
                choice.put(call)

    def _is_new(self, call_id: CallId) -> bool:
        before = len(self._seen)
        self._seen.add(call_id)
        return len(self._seen) > before


async def list_calls(
    gong: GongClient, deals: DealSource, wanted: CallFilter, erased: Erased, found: Taker, met: Taker | None = None
) -> Tally:
    """Give `found` each call that `wanted` means and that may be read, completed by `deals`. One that two pages both show counts once.

    `met` is given every call of the time range as Gong tells of it. Calls that are `erased` are as if Gong did not tell of them.
    """
    tally = Tally()
    async with aclosing(ahead(gong.calls_between(wanted.from_time, wanted.to_time))) as pages:
        async for told in pages:
            gone = await erased([call.call_id for call in told])
            page = [call for call in told if call.call_id not in gone]
            if met is not None:
                for call in page:
                    met(call)
            for call in await deals.complete(page):
                if tally.count(call, wanted):
                    found(call)
    return tally


async def ahead(pages: AsyncIterator[Page]) -> AsyncGenerator[Page, None]:
    """The same pages, and each one's failure in its place; while one is looked at, the next is on its way.

    Otherwise Gong's allowance would pass unused while HubSpot is asked or the page is written down.
    """
    coming = asyncio.ensure_future(_next(pages))
    try:
        while (page := await coming) is not None:
            coming = asyncio.ensure_future(_next(pages))
            yield page
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)
