"""What all pages of analysis show around their own content."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from msgspec import Struct

from analysis.domain.deliveries import MOST_NOTICES
from analysis.handlers.deliveries import recipients
from analysis.handlers.desk import Desk
from analysis.http.delivery_words import delivery_words
from web import Pages, Session

# As the providers spell themselves.
PROVIDER_NAMES = {"gong": "Gong", "hubspot": "HubSpot", "slack": "Slack"}


class Frame(Struct, frozen=True):
    """Renders the templates of `analysis/pages`. `zone`, in which times are shown, is given to each: the workspace's timezone."""

    desk: Desk
    pages: Pages

    async def page(
        self, request: Request, template: str, session: Session, *, status_code: int = 200, **values: object
    ) -> Response:
        """A whole page, with the warnings that stand above each: members read them too, admins are shown the way."""
        whose = recipients(session.user_id, is_admin=session.is_admin)
        around = await self.desk.surroundings(session.workspace_id, whose)
        lost = around.lost_integrations
        known = [(PROVIDER_NAMES[one.provider], one.reason) for one in lost if one.provider in PROVIDER_NAMES]
        values |= {
            "lost_integrations": known,
            "zone": around.zone,
            "page_notices": around.notices[:MOST_NOTICES],
            "more_notices": len(around.notices) > MOST_NOTICES,
            "delivery_words": delivery_words,
        }
        return self.pages.render(request, template, session, status_code=status_code, headers=None, **values)

    async def part(self, request: Request, template: str, session: Session, **values: object) -> Response:
        """A part of a page, for htmx."""
        values["zone"] = (await self.desk.surroundings(session.workspace_id)).zone
        return self.pages.render(request, template, session, status_code=200, headers=None, **values)

    def text(self, request: Request, template: str, session: Session, **values: object) -> str:
        """A part of a page as text; `zone` is given."""
        return self.pages.text(request, template, session, **values)
