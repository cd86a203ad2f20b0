"""`/sub-processors` and its feed, for everybody; and who has been told of a new one, for a workspace's admins."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from core.errors import NotFound
from database import Database
from retention.catalogue import sub_processors
from retention.domain.sub_processors import SubProcessor, Why, feed
from retention.store import sub_processors as store
from web import Pages, Session, admin
from web.state import web_of

Admin = Annotated[Session, Depends(admin)]

_PAGE, _FEED = "/sub-processors", "/sub-processors/feed.atom"


def add_sub_processors(routes: APIRouter, pages: Pages, db: Database) -> None:
    """Add the public page, its feed, and what the banner asks for. Register and day are those that the banner goes by."""
    icon = (files("retention") / "assets" / "announced.svg").read_bytes()

    def listed(request: Request, why: Why) -> list[SubProcessor]:
        web = web_of(request)
        return [one for one in sub_processors(web.register, web.clock.now().date()) if one.why is why]

    @routes.get(_PAGE)
    async def page(request: Request) -> Response:
        chosen, connected = listed(request, Why.SUB_PROCESSOR), listed(request, Why.INTEGRATION)
        return pages.render(request, "sub_processors.html", None, chosen=chosen, connected=connected, feed=_FEED)

    @routes.get(_FEED)
    async def atom(request: Request) -> Response:
        origin = web_of(request).settings.public_url
        content = feed(listed(request, Why.SUB_PROCESSOR), f"{origin}{_PAGE}", f"{origin}{_FEED}")
        return Response(content, media_type="application/atom+xml; charset=utf-8")

    @routes.get("/sub-processors/shown.svg")
    async def shown(request: Request, session: Admin) -> Response:
        """The banner's icon. That it is asked for says that the banner is shown to this person; 404 where there is none to show."""
        web = web_of(request)
        new = web.register.announced(web.clock.now().date())
        if not new or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise NotFound("No new sub-processor is being announced.")
        async with db.workspace(session.workspace_id) as tx:
            await store.keep_shown(tx, session.user_id, [(one.name, one.listed_on) for one in new])
        return Response(icon, media_type="image/svg+xml")

    @routes.get("/sub-processors/notices")
    async def notices(request: Request, session: Admin) -> Response:
        """Who of the workspace was shown which notice, and when first."""
        async with db.workspace(session.workspace_id) as tx:
            told = await store.told(tx)
        names = {one.name: one.company for one in web_of(request).register}
        return pages.render(request, "notices.html", session, told=told, names=names, most=store.MOST_TOLD)
