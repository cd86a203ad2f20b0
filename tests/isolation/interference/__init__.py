"""Non-interference: a workspace's answers are the same bytes whether or not there are others.

Two worlds, each with all five services over real PostgreSQL. In one, a subject is alone. In the other, rivals hold data and do the same
things and worse, before, between and during the subject's operations, under the same ids. `differences` counts the operations whose
status, headers, body, verdict, parked row or published event is not the same in both, and tables whose rows of the subject are not.

What one process and one database cannot hide, and what is therefore measured or left out:

- how long an answer takes: `latency_ratio` is the median time among rivals in times of the one alone;
- numbers of sequences (`outbox.id`, `parked.id`): others leave gaps in them, but no page, answer or message shows one;
- whether a worker or a consumer is busy: work is done in the same order for the subject, only later;
- a consumer that stops because most of what it gets is poison stops for everybody, by design (`messaging.breaker`), and so does a
  provider's retry budget (`egress.retry`): both are availability, not content. The breaker is kept closed here, and no provider fails;
- an unreadable message belongs to no workspace: of two that claim the same id at one subscription, the first is kept.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from chaos.harness import Plan
from isolation import Part
from isolation.interference.coverage import missing
from isolation.interference.proof import Findings, Proof
from isolation.interference.sources import decided
from isolation.interference.surroundings import Surroundings, surroundings
from isolation.interference.world import World, opened

# The figure, and what is done in half a minute by two busy cores; a chapter is long enough to fill a workspace's pages.
_FULL, _QUICK = 100_000, 1_200
_CHAPTER, _QUICK_CHAPTER = 500, 400


async def measure(plan: Plan, admin_url: str) -> Part:
    """Figures `operations`, `differences` and `latency_ratio`; a problem for each difference and for each thing never exercised."""
    total, length = (_FULL, _CHAPTER) if plan.full else (_QUICK, _QUICK_CHAPTER)
    return await interference(plan, admin_url, [length] * (total // length))


async def interference(plan: Plan, admin_url: str, chapters: Sequence[int]) -> Part:
    """The same for chapters of the given lengths."""
    findings, total = Findings(plan.seed), sum(chapters)
    async with surroundings(admin_url) as around, opened_both(around) as (alone, among):
        proof = Proof(alone, among, findings)
        for number, length in enumerate(chapters):
            await proof.tell(length, tour=number == 0)
            plan.tick(findings.operations, total)
        gaps = missing(among, findings.covered)
    figures = {
        "operations": findings.operations,
        "differences": findings.differences,
        "latency_ratio": round(findings.latency_ratio, 4),
    }
    return Part(figures, (*findings.problems, *gaps))


@asynccontextmanager
async def opened_both(around: Surroundings) -> AsyncIterator[tuple[World, World]]:
    """The world of the subject alone, and the one among rivals."""
    with decided(), _quiet():
        async with opened(around, "alone") as alone, opened(around, "among") as among:
            yield alone, among


@contextmanager
def _quiet() -> Iterator[None]:
    """Thousands of messages are parked and requests refused on purpose: nobody wants to read that."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
