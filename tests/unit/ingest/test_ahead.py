"""The next page is on its way while one is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from ingest.workers.listing import ahead


class Pages:
    """A list of pages that notes which have been asked for; a negative one fails."""

    def __init__(self, *pages: int) -> None:
        self.pages = pages
        self.asked: list[int] = []

    async def read(self) -> AsyncIterator[int]:
        for page in self.pages:
            self.asked.append(page)
            await asyncio.sleep(0)
            if page < 0:
                raise ValueError(page)
            yield page


async def settled() -> None:
    """Let everything that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_all_come_in_their_order(count: int) -> None:
    pages = Pages(*range(1, count + 1))
    assert [page async for page in ahead(pages.read())] == list(pages.pages)


async def test_one_page_is_asked_for_beforehand_and_no_more() -> None:
    pages = Pages(1, 2, 3, 4)
    async with aclosing(ahead(pages.read())) as coming:
        async for page in coming:
            await settled()
            assert pages.asked == [1, 2, 3, 4][: page + 1]


async def test_a_failure_comes_behind_the_pages_before_it() -> None:
    pages, seen = Pages(1, 2, -3), []
    with pytest.raises(ValueError, match="-3"):
        async for page in ahead(pages.read()):
            await settled()
            seen.append(page)
    assert seen == [1, 2]


async def test_who_leaves_early_leaves_nothing_behind() -> None:
    pages = Pages(1, 2, 3)
    before = asyncio.all_tasks()
    async with aclosing(ahead(pages.read())) as coming:
        assert await anext(coming) == 1
        await settled()
    assert pages.asked == [1, 2]
    assert asyncio.all_tasks() == before
