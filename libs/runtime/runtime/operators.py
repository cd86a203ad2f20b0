"""`/operator`: what a service tells its operators."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from messaging.oidc import Verifier


def operators_only(verifier: Verifier, *routers: APIRouter) -> APIRouter:
    """`routers` below `/operator`, open to the operators' service account only."""

    async def operator(request: Request) -> str:
        return await verifier.verify(request.headers.get("authorization", ""))

    guarded = APIRouter(prefix="/operator", dependencies=[Depends(operator)], include_in_schema=False)
    for router in routers:
        guarded.include_router(router)
    return guarded
