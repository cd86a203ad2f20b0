"""What the walls cost: the hot queries through them and without them, paired."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from database import Database
from isolation.cost.hot import HOT, bare, drawn, walled
from isolation.cost.ledger import Ledger, queries, unwalled
from isolation.cost.paired import Interval, interval, seconds_of

# Connections are opened anew this often: which processor a server process runs on can cost more than the walls do.
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
        timed: list[Times] = [
            {name: await _once(name, db, plain, where, rng) for name in HOT} for _ in range(_WARM + blocks)
        ]
    return timed[_WARM:]


@asynccontextmanager
async def _service(where: Ledger) -> AsyncIterator[Database]:
    db = await Database.open(where.settings, queries(), "audit")
    try:
        yield db
    finally:
        await db.close()


async def _once(name: str, db: Database, plain: Database, where: Ledger, rng: random.Random) -> tuple[float, float]:
    async def through() -> None:
        await walled(db, drawn(HOT[name], where, rng))

    async def around() -> None:
        await bare(plain, drawn(HOT[name], where, rng))

    return await seconds_of(through, around, rng.random() < 0.5)


def _ratio(pairs: Iterable[tuple[float, float]]) -> float:
    spent = list(pairs)
    return sum(through for through, _ in spent) / sum(around for _, around in spent)
