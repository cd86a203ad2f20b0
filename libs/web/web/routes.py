"""Routes that are built with their first use, or once the service has begun, whichever comes first.

For each route FastAPI reads the signature of what answers it and of all that it depends on, and has pydantic look at each parameter: a
millisecond a route, before anybody has asked for one. analysis has 83. And where a router is included in an app, the first request has it
do the same again for all its routes: `build_routes` has that done before somebody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

_Endpoint = Callable[..., Any]

# A request that no route answers: to be told so, a router needs all its routes.
_NOWHERE: Mapping[str, object] = {"type": "http", "method": "GET", "path": "", "root_path": "", "headers": []}


class LateRoute(APIRoute):
    """A route of FastAPI that is built when something of it is asked for but its path, its name and what answers it."""

    def __init__(self, path: str, endpoint: _Endpoint, *, name: str | None = None, **options: Any) -> None:
        self.path, self.endpoint, self.name = path, endpoint, name or endpoint.__name__
        self._waiting: dict[str, Any] | None = options

    def build(self) -> None:
        """Build it, unless it is built. Raises FastAPI's and pydantic's errors for a route that cannot be."""
        options, self._waiting = self._waiting, None
        if options is None:
            return
        try:
            super().__init__(self.path, self.endpoint, name=self.name, **options)
        except BaseException:
            self._waiting = options
            raise

    def __getattr__(self, name: str) -> Any:
        if self.__dict__.get("_waiting") is None:
            raise AttributeError(f"a route has no {name}")
        self.build()
        return getattr(self, name)


def new_router(prefix: str = "", *, include_in_schema: bool = True) -> APIRouter:
    """A router of late routes."""
    return APIRouter(prefix=prefix, include_in_schema=include_in_schema, route_class=LateRoute)


async def build_routes(app: FastAPI, routers: Sequence[APIRouter], begun: Callable[[], Awaitable[object]]) -> None:
    """Build what is left to build, route by route, once `begun` is over: requests come between. Raises as `LateRoute.build`."""
    await begun()
    for route in [route for router in routers for route in router.routes]:
        if isinstance(route, LateRoute):
            route.build()
            await asyncio.sleep(0)
    for route in app.routes:
        route.matches(dict(_NOWHERE))
        await asyncio.sleep(0)
