"""Rows of reading the log: pages for every combination of filters, and a walk through it while entries arrive.

`ours` is milliseconds in the database of one page of 50, the 95th percentile over all combinations of the seven filters with values drawn
as entries have them, first pages and deep ones; `small` is the same where the log has 10,000 entries, `times_small` the ratio. The bound is
what the product asks: 20 ms, and twice the small log's figure.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from audit import handlers
from audit.domain import Change, Entry, EntryType, Position
from audit.domain.reading import EARLIEST
from audit.log.keys import Salts
from audit.store import reading, search
from audit.store.reading import Asked
from bench.audit.filled import ACTORS, LOOKED_AT, TARGETS, filled
from bench.harness import Row
from chaos.server import postgres
from core.ids import uuid7
from database import Database

PAGE = 50
LIMIT_MS = 20
NAMES = ("type", "source", "actor", "target", "words", "since", "until")
_SMALL, _LOOKED_AT = 10_000, 50_000
_SEED = 1
_TYPES, _SOURCES = list(EntryType), ["web", "api", "webhook", "system", "schedule", "mcp"]
_ARRIVING_PER_SECOND = 1000

Question = tuple[str, Asked, Position]
"""Which kind of page it is, what is asked for, and after which place."""


async def rows(quick: bool) -> list[Row]:
    """The rows."""
    entries, draws = (1_000_000, 3) if quick else (10_000_000, 6)
    async with AsyncExitStack() as stack:
        admin_url = stack.enter_context(postgres())
        large = await stack.enter_async_context(filled(admin_url, "bench-audit-large", entries, _LOOKED_AT))
        small = await stack.enter_async_context(filled(admin_url, "bench-audit-small", _SMALL, _SMALL))
        questions = list(_questions(random.Random(_SEED), draws))
        found = await _measured({"ours": large, "small": small}, questions)
        return [*_compared(found, f"{entries:,} entries"), await _walk(large)]


def _questions(rng: random.Random, draws: int) -> Iterator[Question]:
    """Every combination, several times, first pages and deep ones, in random order."""
    asked: list[Question] = []
    for size in range(len(NAMES) + 1):
        for names in itertools.combinations(NAMES, size):
            for _ in range(draws):
                wanted = _drawn(frozenset(names), rng)
                kind = "no filter" if not names else "one filter" if size == 1 else "several filters"
                asked.append((f"{kind}, first page", wanted, Position()))
                asked.append((f"{kind}, deep page", wanted, Position.before(_ago(rng.uniform(5, 30)))))
    rng.shuffle(asked)
    yield from asked


def _drawn(names: frozenset[str], rng: random.Random) -> Asked:
    """Values as the fill draws them: uneven, independent of each other."""

    def uneven(count: int) -> int:
        return int(count * rng.random() ** 2)

    return Asked(
        type=_TYPES[uneven(14)].value if "type" in names else "",
        source=_SOURCES[uneven(6)] if "source" in names else "",
        actors=(f"user_{uneven(ACTORS)}",) if "actor" in names else (),
        targets=(f"thing-{uneven(TARGETS)}",) if "target" in names else (),
        words=_words(uneven(2000), rng) if "words" in names else (),
        since=_ago(rng.uniform(10, 34)) if "since" in names else EARLIEST,
        top=Position.before(_ago(rng.uniform(0, 10))) if "until" in names else Position(),
    )


def _words(rare: int, rng: random.Random) -> tuple[str, ...]:
    """One of many, one that is everywhere, or both."""
    return rng.choice([(f"word{rare}",), ("active",), (f"word{rare}", "paused"), ("paused", "active")])


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def _measured(logs: Mapping[str, Database], questions: Sequence[Question]) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by kind of page and log; each question is asked of all logs in turn."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for warming in (True, False):
        for number, (kind, wanted, after) in enumerate(questions[:60] if warming else questions):
            for name in sorted(logs, reverse=number % 2 == 0):
                async with logs[name].workspace(LOOKED_AT) as tx:
                    began = time.perf_counter()
                    await reading.page(tx, after, PAGE, wanted)
                    if not warming:
                        found[kind][name].append((time.perf_counter() - began) * 1000)
    return found


def _compared(found: Mapping[str, Mapping[str, Sequence[float]]], size: str) -> Iterator[Row]:
    """A row for each kind of page, and one for all of them."""
    everything = {name: [ms for kind in found.values() for ms in kind[name]] for name in ("ours", "small")}
    for kind, times in [*sorted(found.items()), ("all pages", everything)]:
        ours, small = (statistics.quantiles(times[name], n=20)[18] for name in ("ours", "small"))
        yield {
            "row": f"{kind}, p95 of {len(times['ours'])}, {size}",
            "unit": "ms",
            "ours": round(ours, 2),
            "bound": LIMIT_MS,
            "small": round(small, 2),
            "times_small": round(ours / small, 2),
            "median": round(statistics.median(times["ours"]), 2),
            "longest": round(max(times["ours"]), 2),
        }


async def _walk(db: Database) -> Row:
    """A walk from the newest entry to the oldest while others arrive, late ones among them."""
    before = await _ids(db)
    stop = asyncio.Event()
    arriving = asyncio.create_task(_arrive(db, stop))
    seen: list[uuid.UUID] = []
    place: Position | None = Position()
    began = time.perf_counter()
    while place is not None:
        async with db.workspace(LOOKED_AT) as tx:
            page = await reading.page(tx, place, PAGE)
        seen += [entry.id for entry in page.entries]
        place = page.next
    seconds = time.perf_counter() - began
    stop.set()
    arrived = await arriving
    skipped, repeated = len(before - set(seen)), len(seen) - len(set(seen))
    return {
        "row": f"skipped or repeated on {len(seen) // PAGE:,} pages ({seconds:.0f} s) with {arrived / seconds:,.0f} entries/s arriving",
        "unit": "entries",
        "ours": skipped + repeated,
        "bound": 0,
    }


async def _ids(db: Database) -> set[uuid.UUID]:
    found: set[uuid.UUID] = set()
    place: Position | None = Position()
    while place is not None:
        async with db.workspace(LOOKED_AT) as tx:
            page = await reading.page(tx, place, 1000)
        found |= {entry.id for entry in page.entries}
        place = page.next
    return found


async def _arrive(db: Database, stop: asyncio.Event) -> int:
    """New entries, a tenth of them late by up to a month, until told to stop; how many."""
    rng = random.Random(_SEED)
    began, count, salts = time.perf_counter(), 0, Salts()
    while not stop.is_set():
        entries = [_arriving(rng) for _ in range(100)]
        async with db.workspace(LOOKED_AT) as tx:
            await handlers.record(tx, entries, salts)
            await search.index(tx, entries)
        count += len(entries)
        await asyncio.sleep(max(0.0, began + count / _ARRIVING_PER_SECOND - time.perf_counter()))
    return count


def _arriving(rng: random.Random) -> Entry:
    late = rng.uniform(0, 30) if rng.random() < 0.1 else 0.0
    return Entry(
        id=uuid7(),
        type=EntryType.SCHEDULE_EDITED,
        actor_kind="user",
        actor_id="user_1",
        actor_email="person1@example.com",
        source="web",
        target_kind="schedule",
        target_id="thing-1",
        diff=(Change("status", '"paused"', '"active"'),),
        occurred_at=_ago(late),
    )
