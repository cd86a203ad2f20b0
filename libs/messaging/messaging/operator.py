"""`/operator`: parked messages and the outbox's watchdog, open to the operators' service account only."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from messaging.oidc import Verifier
from messaging.parked import Parked, shown
from messaging.relay import Relay


def operator_router(parked: Parked, relay: Relay, verifier: Verifier) -> APIRouter:
    """List, replay and drop parked messages; publish what waits.

    `POST /operator/drain` is called by a scheduler: it publishes all that is due, should the relay have died with its process, and says
    how much is left, so that a growing backlog is seen. Errors are answered by the app's own error handler.
    """

    async def operator(request: Request) -> str:
        return await verifier.verify(request.headers.get("authorization", ""))

    router = APIRouter(prefix="/operator", dependencies=[Depends(operator)], include_in_schema=False)

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

    return router
