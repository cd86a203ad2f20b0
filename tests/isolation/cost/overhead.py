"""What the walls cost: the hot queries through them and without them, paired."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from database import Database
from isolation.cost.hot import HOT, bare, drawn, process_of, walled
from isolation.cost.ledger import Ledger, queries, unwalled
from isolation.cost.paired import Interval, interval, seconds_of
from isolation.cost.processors import apart
from testkit.capture import unrecorded

# Connections are opened anew this often: what a server process keeps in its memory, and where, has its part in how fast it is.
ROUNDS = 8
# A statement gets its lasting plan with its sixth execution.
_WARM = 4

Times = Mapping[str, tuple[float, float]]


async def overhead(
    where: Ledger, seed: int, blocks: int, tick: Callable[[int, int], None]
) -> tuple[Interval, Mapping[str, Interval]]:
    """Time with walls over time without, of all hot queries together and of each. A block is each query ABBA."""
    rng = random.Random(seed)
    rounds: list[list[Times]] = []
    for number in range(ROUNDS):
        rounds.append(await _round(where, rng, blocks // ROUNDS))
        tick(number + 1, ROUNDS)
    each = {name: interval([[_ratio([block[name]]) for block in one] for one in rounds], rng) for name in HOT}
    return interval([[_ratio(block.values()) for block in one] for one in rounds], rng), each


async def _round(where: Ledger, rng: random.Random, blocks: int) -> list[Times]:
    async with AsyncExitStack() as stack:
        ways = (unwalled(where.unwalled_url), _service(where))
        first = rng.randrange(2)
        opened = {way: await stack.enter_async_context(ways[way]) for way in (first, 1 - first)}
        plain, db = opened[0], opened[1]
        stack.enter_context(apart([await process_of(db, walled), await process_of(plain, bare)]))
        timed: list[Times] = [
            {name: await _once(name, db, plain, where, rng) for name in HOT} for _ in range(_WARM + blocks)
        ]
    return timed[_WARM:]


@asynccontextmanager
async def _service(where: Ledger) -> AsyncIterator[Database]:
    # Writing down each statement would be counted as a part of the walls.
    with unrecorded("its time is measured"):
        db = await Database.open(where.settings, queries(), "audit")
    try:
        yield db
    finally:
        await db.close()


async def _once(name: str, db: Database, plain: Database, where: Ledger, rng: random.Random) -> tuple[float, float]:
    # Both ways ask for the same, so that a page of the table that has to be read first costs both alike.
    seed = rng.getrandbits(64)
    one, other = random.Random(seed), random.Random(seed)

    async def through() -> None:
        await walled(db, drawn(HOT[name], where, one))

    async def around() -> None:
        await bare(plain, drawn(HOT[name], where, other))

    return await seconds_of(through, around, rng.random() < 0.5)


def _ratio(pairs: Iterable[tuple[float, float]]) -> float:
    spent = list(pairs)
    return sum(through for through, _ in spent) / sum(around for _, around in spent)
