"""Chapters: the subject's operations alone in one world, and the same ones among rivals in the other.

Each chapter has a fresh subject. In the world without rivals all rows are removed before it; in the other everything stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

from contracts.registry import TOPICS
from isolation.interference import scenes
from isolation.interference.canonical import canonical, canonical_event, in_lanes
from isolation.interference.coverage import expected
from isolation.interference.known import Foreign, Known
from isolation.interference.leftovers import Leftovers
from isolation.interference.messages import Writer
from isolation.interference.operations import Covered, Heard, Operation, Work
from isolation.interference.rows import rows_of
from isolation.interference.sources import STEP, Source, drawing_from
from isolation.interference.tenants import Tenant, rivals, subject
from isolation.interference.world import World, empty, relayed, taken

_FOREIGN = 4

# A rival does the same before three operations in ten, during two, after one and a half.
_EARLIER, _AT_ONCE, _LATER = 0.30, 0.50, 0.65

# An id is the right one in far more than half of the draws.
_DETOURS = 20

# So much of a difference is told, around its first byte.
_BEFORE, _AFTER = 60, 90


@dataclass(slots=True)
class Findings:
    """What was found so far."""

    seed: int
    operations: int = 0
    differences: int = 0
    problems: list[str] = field(default_factory=list)
    covered: set[Covered] = field(default_factory=set)
    slowdowns: list[float] = field(default_factory=list)

    @property
    def latency_ratio(self) -> float:
        """How long an operation takes among rivals, in times of the same one alone: the median."""
        return median(self.slowdowns) if self.slowdowns else 1.0

    def differ(self, place: str, alone: bytes, among: bytes) -> None:
        """Count and describe a difference."""
        self.differences += 1
        if len(self.problems) < 20:
            first = next(
                (n for n, (a, b) in enumerate(zip(alone, among, strict=False)) if a != b), min(len(alone), len(among))
            )
            here = slice(max(0, first - _BEFORE), first + _AFTER)
            self.problems.append(
                f"seed {self.seed}, {place}: byte {first}: alone {alone[here]!r}, among rivals {among[here]!r}"
            )


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation of a chapter, what it showed in the world without rivals, and how long it took there, in seconds."""

    operation: Operation
    shown: bytes
    took: float


@dataclass(slots=True)
class Chapter:
    """One subject's operations; `moment` is the time at which it begins, in nanoseconds."""

    findings: Findings
    number: int
    length: int
    moment: int
    tour: bool
    entries: list[Entry] = field(default_factory=list)

    @property
    def subject(self) -> Tenant:
        """Whose answers are compared."""
        return subject(self.number)

    @property
    def foreign(self) -> Foreign:
        """Ids that rivals have, and the subject never has."""
        return scenes.foreign_ids(self.moment, _FOREIGN)

    def source(self, place: int) -> Source:
        """What the operation at `place` draws from; a rival that repeats it draws the same."""
        return Source(self.moment + place * STEP, "operation")

    def rng(self, purpose: str) -> Random:
        """Choices for one purpose."""
        return Random(f"{self.findings.seed} {self.number} {purpose}")

    async def draw(self, world: World) -> None:
        """Draw the operations and carry them out in a world without rivals."""
        await empty(world)
        world.published.clear()
        known = Known(self.foreign)
        for operation in self._drawn(world, known):
            place = len(self.entries)
            heard, shown, took = await self._carry_out(world, operation, place)
            self.entries.append(Entry(operation, shown, took))
            known.learn(heard.answer, world.published[len(known.topics) :])
            self.findings.operations += 1
            self.findings.covered.update(heard.covered)

    def _drawn(self, world: World, known: Known) -> Iterator[Operation]:
        rng = self.rng("operations")
        writer = Writer(rng, known, listeners(world))
        yield from scenes.opening(known, writer)
        if self.tour:
            yield from scenes.tour(rng, known, writer)
            yield from self._left_out(world, rng, known)
        while len(self.entries) < self.length:
            yield from scenes.anything(rng, known, writer)

    def _left_out(self, world: World, rng: Random, known: Known) -> Iterator[Operation]:
        """Requests for the routes that the tour asked for by an id that leads elsewhere, or was malformed, until each was reached."""
        for _ in range(_DETOURS):
            gaps = {(service, method) for service, method, _ in expected(world) - self.findings.covered}
            if not gaps:
                return
            yield from scenes.requests_of(rng, known, gaps)

    async def repeat(self, world: World) -> None:
        """Carry the same operations out among rivals, and compare."""
        world.published.clear()
        others, rng = rivals(self.number), self.rng("rivals")
        await scenes.before(
            world, others, self.moment, self.foreign, Writer(rng, Known(Foreign((), ())), listeners(world))
        )
        for place, entry in enumerate(self.entries):
            shown, took = await self._with_company(world, entry.operation, place, rng, others)
            if took is not None:
                self.findings.slowdowns.append(took / entry.took)
            if shown != entry.shown:
                self.findings.differ(
                    f"chapter {self.number}, operation {place} ({entry.operation!r:.300})", entry.shown, shown
                )

    async def _with_company(
        self, world: World, operation: Operation, place: int, rng: Random, others: Sequence[Tenant]
    ) -> tuple[bytes, float | None]:
        """The operation, and a rival doing the same thing before, after, at the same time, or not at all."""
        chance, rival = rng.random(), rng.choice(others)
        doing = self._by_rival(world, operation, place, rival)
        if chance < _EARLIER:
            await doing
        elif chance < _AT_ONCE:
            (_, shown, _), _ = await asyncio.gather(self._carry_out(world, operation, place), doing)
            return shown, None
        _, shown, took = await self._carry_out(world, operation, place)
        if _AT_ONCE <= chance < _LATER:
            await doing
        elif chance >= _LATER:
            doing.close()
        # A rival that came first has warmed the caches for the same operation.
        return shown, took if chance >= _AT_ONCE else None

    async def _by_rival(self, world: World, operation: Operation, place: int, rival: Tenant) -> None:
        if not isinstance(operation, Work):
            with drawing_from(self.source(place)):
                await operation.perform(world, rival)

    async def _carry_out(self, world: World, operation: Operation, place: int) -> tuple[Heard, bytes, float]:
        """What the subject sees of its operation, and how long it took in seconds."""
        began = time.perf_counter()
        with drawing_from(self.source(place)):
            heard = await operation.perform(world, self.subject)
        took = time.perf_counter() - began
        said = [one for name in operation.touches for one in await taken(world, name, self.subject.workspace_id)]
        said = in_lanes(said)
        world.published.extend(said)
        key = world.surroundings.ingest_key
        return heard, b"\n".join([canonical(heard.shown), *(canonical_event(one, key) for one in said)]), took


def listeners(world: World) -> Mapping[str, tuple[str, ...]]:
    """Who subscribes to each topic."""
    names = [name for service in world.services.values() for name in service.parts.consumers]
    return {
        topic: tuple(name.partition(".")[0] for name in names if name.partition(".")[2] == topic) for topic in TOPICS
    }


async def compare_rows(findings: Findings, chapter: Chapter, alone: World, among: World) -> None:
    """All rows of the subject, in all tables, are the same in both worlds."""
    for service in alone.services:
        one, other = [await rows_of(world, service, chapter.subject.workspace_id) for world in (alone, among)]
        for table in one:
            if one[table] != other[table]:
                findings.differ(f"chapter {chapter.number}, rows of {service}.{table}", one[table], other[table])


@dataclass(slots=True)
class Proof:
    """Chapters one after another, over the same two worlds."""

    alone: World
    among: World
    findings: Findings
    last: Chapter = field(init=False)
    _told: int = 0
    _moment: int = 0

    async def tell(self, length: int, *, tour: bool = False) -> None:
        """One more chapter of about `length` operations; a `tour` goes through all routes and messages first."""
        chapter = Chapter(self.findings, self._told, length, max(self._moment, begun()), tour)
        self.last, leftovers = chapter, Leftovers()
        await chapter.draw(self.alone)
        leftovers.clear()
        await chapter.repeat(self.among)
        leftovers.clear()
        await compare_rows(self.findings, chapter, self.alone, self.among)
        await relayed(self.among)
        self._told += 1
        self._moment = chapter.moment + (len(chapter.entries) + 100) * STEP


def begun() -> int:
    """The present time, in nanoseconds, at a full second."""
    return int(time.time()) * 1_000_000_000
