"""Places are shared out between workspaces, and none is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

import pytest

from analysis.workers.places import Places
from core.ids import WorkspaceId

BIG, SMALL = WorkspaceId("org_big1"), WorkspaceId("org_small1")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Tasks that take a place and keep it until they are let go."""

    def __init__(self, size: int) -> None:
        self.places = Places(size)
        self.inside: list[WorkspaceId] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._leave: list[asyncio.Event] = []

    async def come(self, workspace_id: WorkspaceId, number: int = 1) -> None:
        for _ in range(number):
            self.tasks.append(asyncio.create_task(self._stay(workspace_id)))
        await settle()

    async def leave(self, number: int = 1) -> None:
        """The ones that have been inside the longest go."""
        for _ in range(number):
            self._leave.pop(0).set()
            await settle()

    async def _stay(self, workspace_id: WorkspaceId) -> None:
        async with self.places.one(workspace_id):
            leave = asyncio.Event()
            self.inside.append(workspace_id)
            self._leave.append(leave)
            await leave.wait()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                await task


async def test_no_more_than_the_places_are_inside() -> None:
    crowd = Crowd(3)
    await crowd.come(BIG, 10)
    assert len(crowd.inside) == crowd.places.taken == 3
    await crowd.leave(2)
    assert (len(crowd.inside), crowd.places.taken) == (5, 3)
    await crowd.end()
    assert crowd.places.taken == 0


async def test_who_has_fewest_inside_goes_first() -> None:
    crowd = Crowd(4)
    await crowd.come(BIG, 12)
    await crowd.come(SMALL, 3)
    await crowd.leave(3)
    # The newcomer has none, then one: both times fewer than the other. With two each it is the other's turn.
    assert crowd.inside[4:] == [SMALL, SMALL, BIG]
    await crowd.end()


async def test_equals_take_turns() -> None:
    crowd = Crowd(1)
    await crowd.come(BIG, 3)
    await crowd.come(SMALL, 3)
    await crowd.leave(4)
    assert crowd.inside == [BIG, BIG, SMALL, BIG, SMALL]
    await crowd.end()


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_is_cancelled_when_takes_no_place_along(seed: int) -> None:
    rng = Random(seed)
    crowd = Crowd(2)
    for _ in range(30):
        await crowd.come(rng.choice([BIG, SMALL]))
        if rng.random() < 0.5:
            rng.choice(crowd.tasks).cancel()
        if rng.random() < 0.4 and crowd._leave:
            # At the same moment as somebody is let in.
            crowd._leave.pop(0).set()
            rng.choice(crowd.tasks).cancel()
        await settle()
    assert crowd.places.taken <= 2
    await crowd.end()
    assert crowd.places.taken == 0
    assert not crowd.places._waiting
