"""`/operator/parked`: parked messages for the operators' tools, open to their service account only."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from messaging.oidc import Verifier
from messaging.parked import Parked

JsonValue = str | int | None | dict[str, str]


def operator_router(parked: Parked, verifier: Verifier) -> APIRouter:
    """List, replay and drop. Errors are those of `Parked` and of the verifier, answered by the app's own error handler."""

    async def operator(request: Request) -> str:
        return await verifier.verify(request.headers.get("authorization", ""))

    router = APIRouter(prefix="/operator/parked", dependencies=[Depends(operator)], include_in_schema=False)

    @router.get("")
    async def page(
        state: Literal["parked", "replayed", "dropped"] = "parked",
        before: int | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[dict[str, JsonValue]]:
        messages = await parked.list(state, before, limit)
        return [dataclasses.asdict(message) | {"parked_at": message.parked_at.isoformat()} for message in messages]

    @router.post("/{message_id}/replay", status_code=204)
    async def replay(message_id: int) -> None:
        await parked.replay(message_id)

    @router.post("/{message_id}/drop", status_code=204)
    async def drop(message_id: int) -> None:
        await parked.drop(message_id)

    return router
