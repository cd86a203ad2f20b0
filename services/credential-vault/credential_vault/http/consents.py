"""The way to a provider's consent page and back: `/oauth/{provider}/connect`, `/oauth/{provider}/callback`. For admins."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import CallmineError, Unauthenticated
from credential_vault.handlers.consenting import Comeback, Consenter, Consenting
from credential_vault.http.integrations import PAGE, Admin, Integrations, IntegrationsPage, provider_of
from web import Pages, Session
from web.routes import new_router


def router(consenting: Consenting, integrations: Integrations) -> APIRouter:
    """The routes."""
    routes = new_router()
    pages = Pages("credential_vault")
    shown = IntegrationsPage(pages, integrations)

    @routes.post("/oauth/{provider}/connect")
    async def connect(request: Request, session: Admin, provider: str) -> Response:
        known = provider_of(provider)
        try:
            address = await consenting.begin(_consenter(session), known)
        except CallmineError as error:
            return await shown.page(request, session, status=error.status, about=known, problem=str(error))
        # Not a redirect: the policy for forms holds for all hosts that the provider would lead the browser on to, which are its own affair.
        headers = {"refresh": f"0; url={address}"}
        return pages.render(request, "leaving.html", session, headers=headers, address=address, provider=known)

    @routes.get("/oauth/{provider}/callback")
    async def callback(request: Request, session: Admin, provider: str) -> Response:
        known = provider_of(provider)
        try:
            await consenting.finish(_consenter(session), known, _comeback(request))
        except Unauthenticated:
            raise
        except CallmineError as error:
            return await shown.page(request, session, status=error.status, about=known, problem=str(error))
        # The code does not stay in the address.
        return RedirectResponse(f"{PAGE}#{known.value}", status_code=303)

    return routes


def _consenter(session: Session) -> Consenter:
    return Consenter(session.workspace_id, session.session_id, session.actor)


def _comeback(request: Request) -> Comeback:
    """What came; what came twice is nothing, since nobody can say which of the two was meant."""

    def only(name: str) -> str:
        values = request.query_params.getlist(name)
        return values[0] if len(values) == 1 else ""

    error = request.query_params.getlist("error")
    return Comeback(only("state"), only("code"), error[0] if error else "")
