"""`/mcp`, the tools' way in.

Who asks is in the bearer token, as everywhere. A cookie is not enough: a browser would send it along with another site's request. The
specification wants the Origin checked besides (DNS rebinding).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from core.errors import Unauthenticated
from core.memory import settle_again
from web import Session, member
from web.access import OtherSite
from web.routes import new_router
from web.state import web_of

if TYPE_CHECKING:
    from analysis.handlers.desk import Desk
    from analysis.handlers.schedules import Schedules
    from analysis.handlers.search import Search
    from analysis.tools.server import ToolServer

PATH = "/mcp"

Member = Annotated[Session, Depends(member)]


class ToolRoutes:
    """The route. What serves it is loaded with the first request: a service that nobody asks for tools starts without it."""

    def __init__(self, desk: Desk, schedules: Schedules, searching: Search, public_url: str) -> None:
        """What the tools work with; `public_url` is the origin that links in their answers begin with."""
        self._given = (desk, schedules, searching, public_url)
        self._server: ToolServer | None = None

    def router(self) -> APIRouter:
        """All routes: no GET, for there is no stream to open, and no DELETE, for there is no session to end."""
        router = new_router(include_in_schema=False)
        router.add_api_route(PATH, self.serve, methods=["POST"])
        return router

    async def serve(self, request: Request, session: Member) -> Response:
        """One message of the protocol. Raises Unauthenticated for a cookie, and OtherSite for another site's page."""
        if session.from_cookie:
            raise Unauthenticated("Use `Authorization: Bearer <token>`: a browser's cookie does not open this address.")
        origin = request.headers.get("origin")
        if origin is not None and origin != web_of(request).settings.public_url:
            raise OtherSite("This address answers programs, and Callmine's own pages.")
        if self._server is None:
            # In a thread: the loop goes on meanwhile. Whoever comes second waits for the same import.
            self._server = await asyncio.to_thread(_loaded, *self._given)
        return self._server.exchange()


def _loaded(desk: Desk, schedules: Schedules, searching: Search, public_url: str) -> ToolServer:
    from analysis.tools.server import ToolServer
    from analysis.tools.toolbox import Toolbox

    server = ToolServer(Toolbox(desk, schedules, searching, public_url))
    settle_again()
    return server
