"""The rows: each hot query by each contestant, interleaved at random, and what the walls alone cost."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping

from bench.harness import Row, Value
from bench.isolation.contestants import Contestant, contestants
from chaos.server import postgres
from isolation.cost.hot import HOT, drawn
from isolation.cost.ledger import Ledger, ledger
from isolation.cost.overhead import overhead
from isolation.cost.paired import Interval

_SEED = 1
_WARM = 20


async def run(quick: bool) -> list[Row]:
    """A row for each hot query."""
    rows, times, blocks = (100_000, 400, 400) if quick else (1_000_000, 3_000, 4_000)
    with postgres() as admin_url:
        async with ledger(admin_url, "bench-isolation", rows) as book:
            together, each = await overhead(book, _SEED, blocks, lambda _done, _total: None)
            async with contestants(book) as ways:
                found = [await _row(name, book, ways, times) | _walls(each[name]) for name in HOT]
    return [*found, {"row": "all four together", "unit": "transactions/s", **_walls(together)}]


async def _row(name: str, book: Ledger, ways: Mapping[str, Contestant], times: int) -> dict[str, Value]:
    """Median rates: in each round every contestant has one transaction, in random order."""
    rng = random.Random(f"{_SEED}/{name}")
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(-_WARM, times):
        for way in rng.sample(list(ways), len(ways)):
            asked = drawn(HOT[name], book, rng)
            began = time.perf_counter()
            await ways[way](asked)
            if number >= 0:
                spent[way].append(time.perf_counter() - began)
    rates: dict[str, Value] = {way: round(1 / statistics.median(seconds)) for way, seconds in spent.items()}
    return {"row": name, "unit": "transactions/s", **rates}


def _walls(found: Interval) -> dict[str, Value]:
    return {
        "walls": round(found.middle, 3),
        "walls_low": round(found.low, 3),
        "walls_high": round(found.high, 3),
    }
