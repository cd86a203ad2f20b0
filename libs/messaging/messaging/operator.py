"""For operators: parked messages and the outbox's watchdog."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query

from messaging.parked import Parked, shown
from messaging.relay import Relay


def add_upkeep(parked: Parked, relay: Relay, router: APIRouter) -> None:
    """List, replay and drop parked messages; publish what waits. `router` is open to operators only.

    `POST /drain` is called by a scheduler: it publishes all that is due, should the relay have died with its process, and says
    how much is left, so that a growing backlog is seen. Errors are answered by the app's own error handler.
    """

    @router.get("/parked")
    async def page(
        state: Literal["parked", "replayed", "dropped"] = "parked",
        before: int | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[dict[str, str | int | None]]:
        return [shown(message) for message in await parked.list(state, before, limit)]

    @router.post("/parked/{message_id}/replay", status_code=204)
    async def replay(message_id: int) -> None:
        await parked.replay(message_id)

    @router.post("/parked/{message_id}/drop", status_code=204)
    async def drop(message_id: int) -> None:
        await parked.drop(message_id)

    @router.post("/drain")
    async def drain() -> dict[str, float]:
        published = await relay.drain()
        return {"published": published, **msgspec.structs.asdict(await relay.backlog())}
