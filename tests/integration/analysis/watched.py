"""Runs that are watched: begun, and changed past the application."""

from __future__ import annotations

from analysis.domain.request import RunId
from core.ids import WorkspaceId
from integration.analysis.world import ACME, MAYA, World, question


async def started(world: World, workspace_id: WorkspaceId = ACME) -> RunId:
    """A run that has begun."""
    return await world.desk.start(workspace_id, question(), MAYA)


async def arrive(world: World, run_id: RunId, calls: int = 1) -> None:
    """More calls of a run are here; as it is in the database, without the calls."""
    await world.owner(f"UPDATE runs SET calls_fetched = calls_fetched + {calls} WHERE id = '{run_id}'")
