"""Nothing stands between one request of a run and the next but the turn: as long as there is something to ask for, a request waits for it.

Turns are given by hand, one at a time, so that nothing depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from contract.sandbox.stage import HARBORLINE, Stage
from core.ids import WorkspaceId
from ingest.budget import RateBudget
from ingest.workers import FetchTerms, FetchWorker
from integration.ingest.harness import Gong, Ingest, MemoryObjects
from integration.ingest.test_pauses import planned
from integration.ingest.workshop import Workshop, opened
from local.sandbox.server import RunningSandbox, running

CALLS = 4
PAGES = 5

# A request that does not come has failed the test long before.
PATIENCE = 60.0


@dataclass(slots=True)
class Turns:
    """A budget whose turns are given by hand."""

    waiting: asyncio.Queue[asyncio.Event] = field(default_factory=asyncio.Queue)

    def of(self, _workspace: WorkspaceId) -> RateBudget:
        """As `Limits` has it: one budget, of one workspace here."""
        return self

    async def turn(self) -> None:
        mine = asyncio.Event()
        self.waiting.put_nowait(mine)
        await mine.wait()

    async def hold_back(self, seconds: float) -> None:
        raise AssertionError(f"Gong asked to wait for {seconds} seconds")

    async def give(self) -> None:
        """Let the request go on that waits, or comes to wait."""
        async with asyncio.timeout(PATIENCE):
            (await self.waiting.get()).set()


@pytest.fixture(scope="module")
async def paged(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong with a call a page."""
    async with running(stage.settings(gong=stage.gong(page_size=1))) as sandbox:
        yield sandbox


@pytest.fixture
async def workshop(ingest: Ingest, paged: RunningSandbox, stage: Stage) -> AsyncIterator[Workshop]:
    """Workers over it that ask for one transcript at a time."""
    async with opened(ingest, Gong(f"{paged.url}/gong", *HARBORLINE), stage.folder / "ca.pem") as made:
        made.terms = FetchTerms(batch_calls=1, in_flight=2)
        yield made


def by_turns(workshop: Workshop, objects: MemoryObjects) -> tuple[FetchWorker, Turns]:
    """A worker whose requests wait for their turn."""
    worker, turns = workshop.worker(objects), Turns()
    worker._door = replace(worker._door, limits=turns)
    return worker, turns


async def test_requests_follow_each_other_while_nothing_is_stored_yet(workshop: Workshop) -> None:
    """The object store answers nothing until the last transcript has been asked for."""
    run = await workshop.start()
    objects = MemoryObjects(held=workshop.objects.held, gate=asyncio.Event())
    worker, turns = by_turns(workshop, objects)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.work_once())
        for _ in range(PAGES + CALLS):
            await turns.give()
        assert objects.held == {}
        assert objects.gate is not None
        objects.gate.set()
    assert turns.waiting.empty()
    assert (await workshop.completed(run)).calls_fetched == CALLS


async def test_no_more_is_asked_for_at_once_than_memory_is_meant_for(workshop: Workshop) -> None:
    """As above, with calls so long that two answers are all there is room for."""
    run = await workshop.start()
    await planned(workshop)
    await workshop.ingest.sql("UPDATE run_calls SET duration_seconds = 1000000")
    objects = MemoryObjects(held=workshop.objects.held, gate=asyncio.Event())
    worker, turns = by_turns(workshop, objects)
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.work_once())
        for _ in range(2):
            await turns.give()
        await objects.reached.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert turns.waiting.empty()
        assert objects.gate is not None
        objects.gate.set()
        for _ in range(CALLS - 2):
            await turns.give()
    assert (await workshop.completed(run)).calls_fetched == CALLS
