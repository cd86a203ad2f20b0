"""Rows of reading the log: pages for every combination of filters, and a walk through it while entries arrive.

`ours` is milliseconds in the database of one page of 50, the 95th percentile; `small` is the same where the log has 10,000 entries,
`times_small` the ratio. Each of the 128 combinations of the seven filters is asked for its first page and for deep ones, many times each,
with values drawn as entries have them. The first rows are over all combinations of a kind; the last two name the combination that is
the slowest, and the one whose figure is furthest from its own in the small log. The bound is what the product asks: 20 ms, and twice
the small log's figure. Where the small log's figure is some tenths of a millisecond, what else the machine does shows in it: beside the
times stand the blocks that pages look at (`blocks`, `small_blocks`; the 95th percentile as well), which are the same on any machine.
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
from typing import NamedTuple

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
MOST_TIMES = 2
NAMES = ("type", "source", "actor", "target", "words", "since", "until")
_SMALL, _LOOKED_AT = 10_000, 50_000
_SEED = 1
_TYPES, _SOURCES = list(EntryType), ["web", "api", "webhook", "system", "schedule", "mcp"]
_ARRIVING_PER_SECOND = 1000
# Questions before anything is counted: for plans and caches.
_WARMING = 300


class Kind(NamedTuple):
    """Which combination of filters is asked for, and which of its pages."""

    filters: tuple[str, ...]
    page: str

    @property
    def group(self) -> str:
        """How many filters, and which page."""
        many = "no filter" if not self.filters else "one filter" if len(self.filters) == 1 else "several filters"
        return f"{many}, {self.page} page"

    def __str__(self) -> str:
        return f"{'+'.join(self.filters) or 'no filter'}, {self.page} page"


Question = tuple[Kind, Asked, Position]
"""What is asked for, and after which place."""


class Took(NamedTuple):
    """What a page took: milliseconds, and blocks of tables and indexes that were looked at, wherever they lay; and what it showed."""

    milliseconds: float
    blocks: int
    entries: int


Pages = Mapping[Kind, Mapping[str, Sequence[Took]]]
"""By kind and log."""

# Of this transaction so far, and of those before it that have not been added to the statistics yet; the statistics of a table count its
# indexes' blocks with the indexes.
_BLOCKS = """
SELECT coalesce(sum(pg_stat_get_xact_blocks_fetched(c.oid)), 0)::bigint
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
"""


async def rows(quick: bool) -> list[Row]:
    """The rows."""
    entries, draws = (1_000_000, 20) if quick else (10_000_000, 40)
    async with AsyncExitStack() as stack:
        admin_url = stack.enter_context(postgres())
        large = await stack.enter_async_context(filled(admin_url, "bench-audit-large", entries, _LOOKED_AT))
        small = await stack.enter_async_context(filled(admin_url, "bench-audit-small", _SMALL, _SMALL))
        questions = _questions(random.Random(_SEED), draws)
        found = await _measured({"ours": large, "small": small}, questions)
        return [*_compared(found, f"{entries:,} entries"), await _walk(large)]


def _questions(rng: random.Random, draws: int) -> list[Question]:
    """Every combination, several times, first pages and deep ones, in random order."""
    asked: list[Question] = []
    for filters in (names for size in range(len(NAMES) + 1) for names in itertools.combinations(NAMES, size)):
        for _ in range(draws):
            wanted = _drawn(frozenset(filters), rng)
            asked.append((Kind(filters, "first"), wanted, Position()))
            asked.append((Kind(filters, "deep"), wanted, Position.before(_ago(rng.uniform(5, 30)))))
    rng.shuffle(asked)
    return asked


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


async def _measured(logs: Mapping[str, Database], questions: Sequence[Question]) -> Pages:
    """Each question is asked of all logs in turn."""
    found: dict[Kind, dict[str, list[Took]]] = defaultdict(lambda: defaultdict(list))
    for warming in (True, False):
        for number, (kind, wanted, after) in enumerate(questions[:_WARMING] if warming else questions):
            for name in sorted(logs, reverse=number % 2 == 0):
                async with logs[name].workspace(LOOKED_AT) as tx:
                    before = 0 if warming else await tx._connection.fetchval(_BLOCKS)
                    began = time.perf_counter()
                    page = await reading.page(tx, after, PAGE, wanted)
                    milliseconds = (time.perf_counter() - began) * 1000
                    if not warming:
                        blocks = await tx._connection.fetchval(_BLOCKS) - before
                        found[kind][name].append(Took(milliseconds, blocks, len(page.entries)))
    return found


def _compared(found: Pages, size: str) -> Iterator[Row]:
    """A row for each group of kinds, one for all, and the two kinds that are the worst; how many kinds are too far from the small log."""
    groups: dict[str, list[Kind]] = defaultdict(list)
    for kind in sorted(found):
        groups[kind.group].append(kind)
    for name, kinds in [*sorted(groups.items()), ("all pages", list(found))]:
        ours, small = ([took for kind in kinds for took in found[kind][log]] for log in ("ours", "small"))
        yield _row(f"{name}, p95 of {len(ours):,}, {size}", ours, small)
    slowest = max(found, key=lambda kind: _p95(found[kind]["ours"]))
    furthest = max(found, key=lambda kind: _p95(found[kind]["ours"]) / _p95(found[kind]["small"]))
    for what, kind in (("slowest", slowest), ("furthest from the small log", furthest)):
        yield _row(f"the {what} of {len(found)}: {kind}", found[kind]["ours"], found[kind]["small"])
    yield from _too_far(found)


def _too_far(found: Pages) -> Iterator[Row]:
    """Kinds beyond twice the small log's figure: in time; of those the ones that look at more than twice the blocks as well; and of those
    the ones that do so for each entry that they show, which is not because there is more to be shown.
    """
    slower = [kind for kind, logs in found.items() if _p95(logs["ours"]) > MOST_TIMES * _p95(logs["small"])]
    wider = [kind for kind in slower if _blocks(found[kind]["ours"]) > MOST_TIMES * _blocks(found[kind]["small"])]
    dearer = [kind for kind in wider if _each(found[kind]["ours"]) > MOST_TIMES * _each(found[kind]["small"])]
    told = (
        ("in time", slower),
        ("in time and in blocks", wider),
        ("in time, in blocks, and in blocks an entry", dearer),
    )
    for what, kinds in told:
        row = f"of {len(found)} combinations, beyond {MOST_TIMES} times the small log {what}"
        yield {"row": row, "unit": "combinations", "ours": len(kinds), "bound": 0}


def _row(name: str, ours: Sequence[Took], small: Sequence[Took]) -> Row:
    return {
        "row": name,
        "unit": "ms",
        "ours": round(_p95(ours), 2),
        "bound": LIMIT_MS,
        "small": round(_p95(small), 2),
        "times_small": round(_p95(ours) / _p95(small), 2),
        "blocks": round(_blocks(ours)),
        "small_blocks": round(_blocks(small)),
        "median": round(statistics.median(one.milliseconds for one in ours), 2),
        "longest": round(max(one.milliseconds for one in ours), 2),
    }


def _p95(pages: Sequence[Took]) -> float:
    return statistics.quantiles([one.milliseconds for one in pages], n=20, method="inclusive")[18]


def _each(pages: Sequence[Took]) -> float:
    """Blocks for each entry that pages show."""
    return sum(one.blocks for one in pages) / max(1, sum(one.entries for one in pages))


def _blocks(pages: Sequence[Took]) -> float:
    """The 95th percentile of blocks."""
    return statistics.quantiles([float(one.blocks) for one in pages], n=20, method="inclusive")[18]


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
            await search.keep_names(tx, entries)
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
