"""`/operator`: what a service tells its operators."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, Request

from messaging.oidc import Verifier
from web.routes import LateRoute

# Adds routes to a router. No router of its own: FastAPI builds all that is included in what it includes.
Adding = Callable[[APIRouter], None]


def operators_only(verifier: Verifier, *adding: Adding) -> APIRouter:
    """What each of `adding` adds, below `/operator`, open to the operators' service account only."""

    async def operator(request: Request) -> str:
        return await verifier.verify(request.headers.get("authorization", ""))

    guarded = APIRouter(
        prefix="/operator", dependencies=[Depends(operator)], include_in_schema=False, route_class=LateRoute
    )
    for add in adding:
        add(guarded)
    return guarded
