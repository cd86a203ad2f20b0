"""Routes a browser uses: sign in, choose an organisation, renew the token, sign out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.sandbox.clerk.browser import RENEWED_COOKIE, Browser
from local.sandbox.clerk.tokens import Session, new_session
from local.sandbox.vendors import clerk_error

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_PAGE_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class ClerkPages:
    """The pages and the small endpoints behind them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._directory = browser.mint.directory
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
        )

    def routes(self) -> list[Route]:
        """The routes below ``/clerk``."""
        return [
            Route("/sign-in", self._sign_in_page, methods=["GET"]),
            Route("/sign-in", self._sign_in, methods=["POST"]),
            Route("/organizations", self._organizations_page, methods=["GET"]),
            Route("/sign-out", self._sign_out, methods=["GET", "POST"]),
            Route("/session.js", _asset("session.js", "text/javascript"), methods=["GET"]),
            Route("/clerk.css", _asset("clerk.css", "text/css"), methods=["GET"]),
            Route("/v1/client/touch", self._touch, methods=["POST"]),
            Route("/v1/client/organization", self._switch_organization, methods=["POST"]),
        ]

    async def _sign_in_page(self, request: Request) -> Response:
        target = self._browser.safe_path(request, request.query_params.get("redirect_url"))
        session = self._browser.session_of(request)
        stuck = RENEWED_COOKIE in request.cookies
        if session and "redirect_url" in request.query_params and not stuck:
            return self._browser.send_on(request, session, target)
        return self._page(
            "sign_in.html", target, session, {"people": self._directory.people(), "not_let_in": bool(session) and stuck}
        )

    async def _sign_in(self, request: Request) -> Response:
        form = await request.form()
        person = self._directory.person(_text(form, "user_id"))
        organization = self._directory.organization(_text(form, "organization_id"))
        if not self._browser.is_own_post(request):
            return clerk_error(HTTPStatus.FORBIDDEN, "origin_invalid", "Sign in from the application's own page")
        if person is None or organization is None or person.role_in(organization.organization_id) is None:
            return clerk_error(HTTPStatus.UNPROCESSABLE_ENTITY, "form_param_value_invalid", "No such person there")
        target = self._browser.safe_path(request, _text(form, "redirect_url"))
        return self._browser.send_on(request, new_session(person, organization), target)

    async def _organizations_page(self, request: Request) -> Response:
        session = self._browser.session_of(request)
        target = self._browser.safe_path(request, request.query_params.get("redirect_url"))
        if session is None:
            return RedirectResponse(f"{self._browser.settings.link_prefix}/sign-in", HTTPStatus.SEE_OTHER)
        return self._page("organizations.html", target, session, {})

    async def _switch_organization(self, request: Request) -> Response:
        form = await request.form()
        session = self._browser.session_of(request)
        organization = self._directory.organization(_text(form, "organization_id"))
        if session is None or not self._browser.is_own_post(request):
            return clerk_error(HTTPStatus.UNAUTHORIZED, "signed_out", "Sign in first")
        if organization is None or session.person.role_in(organization.organization_id) is None:
            return clerk_error(HTTPStatus.FORBIDDEN, "organization_membership_missing", "Not a member there")
        target = self._browser.safe_path(request, _text(form, "redirect_url"))
        return self._browser.send_on(request, session.within(organization), target)

    async def _touch(self, request: Request) -> Response:
        session = self._browser.session_of(request)
        if session is None or not self._browser.is_own_post(request):
            return clerk_error(HTTPStatus.UNAUTHORIZED, "signed_out", "Sign in first")
        response = JSONResponse({"response": {"object": "session", "id": session.session_id, "status": "active"}})
        self._browser.sign_in(request, response, session)
        return response

    async def _sign_out(self, request: Request) -> Response:
        if not self._browser.is_own_post(request):
            return clerk_error(HTTPStatus.FORBIDDEN, "origin_invalid", "Sign out from the application's own page")
        response = RedirectResponse(f"{self._browser.settings.link_prefix}/sign-in", HTTPStatus.SEE_OTHER)
        self._browser.sign_out(response)
        return response

    def _page(self, name: str, target: str, session: Session | None, more: Mapping[str, object]) -> Response:
        html = self._templates.get_template(name).render(
            prefix=self._browser.settings.link_prefix,
            redirect_url=target,
            session=session,
            organizations=self._directory.organizations(),
            **more,
        )
        return HTMLResponse(html, headers=_PAGE_HEADERS)


def _asset(name: str, media_type: str) -> FileResponse:
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return FileResponse(_HERE / "assets" / name, media_type=media_type, headers=headers)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
