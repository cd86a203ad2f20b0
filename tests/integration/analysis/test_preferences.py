"""What a workspace's admins have chosen holds in analysis as soon as it is told, whatever order the messages come in."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from google.protobuf.message import Message

from analysis.domain.preferences import Preferences
from analysis.store import preferences
from callmine.workspaces.v1 import workspaces_pb2
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from core.ids import WorkspaceId, uuid7
from integration.analysis.world import ACME, RIVAL, World
from messaging import Verdict


def updated(**chosen: bool) -> WorkspaceUpdated:
    return WorkspaceUpdated(name="Acme", timezone="UTC", preferences=workspaces_pb2.Preferences(**chosen))


async def told(world: World, message: Message, sequence: int, times: int = 1) -> None:
    """Told so often: by the broker, and by a producer that repeats itself."""
    event = world.event(message, ACME, sequence=sequence)
    for _ in range(times):
        verdicts = await world.deliver(event, replace(event, event_id=uuid7()), topic="workspaces")
        assert verdicts == [Verdict.ACK] * 2


async def known(world: World, workspace_id: WorkspaceId = ACME) -> Preferences:
    async with world.db.workspace(workspace_id) as tx:
        return await preferences.of_workspace(tx)


HISTORY: list[Message] = [
    WorkspaceCreated(name="Acme", timezone="UTC"),
    updated(mask_personal_data=False),
    updated(mask_personal_data=False, other_provider_fallback=True),
    # Of a release that knew of no preferences, which ran on during a roll-out: the later message, but none about them.
    WorkspaceUpdated(name="Acme 2", timezone="Asia/Tokyo"),
]


async def test_the_defaults_hold_while_nothing_is_told(world: World) -> None:
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=False)
    await told(world, updated(), 1)
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=False)


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(HISTORY)))))
async def test_the_latest_preferences_win_in_any_order(world: World, order: tuple[int, ...]) -> None:
    for place in order:
        await told(world, HISTORY[place], 10 + place, times=2)
    assert await known(world) == Preferences(mask_personal_data=False, other_provider_fallback=True)
    assert (await world.desk.situation(ACME)).timezone == "Asia/Tokyo"
    assert await known(world, RIVAL) == Preferences()


async def test_what_is_taken_back_is_at_its_default_again(world: World) -> None:
    await told(world, updated(mask_personal_data=False, other_provider_fallback=True), 1)
    await told(world, updated(other_provider_fallback=True), 2)
    assert await known(world) == Preferences(mask_personal_data=True, other_provider_fallback=True)
