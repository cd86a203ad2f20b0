"""The consent page: whose account, which scopes, allow or cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.sandbox.oauth.accounts import Account
from local.sandbox.oauth.authorization import Authorization, SentBack, Style, Unsafe, read_authorization
from local.sandbox.oauth.clients import Clients
from local.sandbox.oauth.office import Consent, TokenOffice

_HERE = Path(__file__).parent
_SHEETS = (_HERE.parent / "clerk" / "assets" / "clerk.css", _HERE / "assets" / "consent.css")
_TEMPLATES = Environment(
    loader=FileSystemLoader(
        [_HERE / "templates", *(_HERE.parent / name / "templates" for name in ("slack", "stripe"))]
    ),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
)
_DENIED = {"error": "access_denied", "error_description": "The person did not agree"}


@dataclass(frozen=True, slots=True)
class ConsentPages:
    """One provider's consent page at one path. ``origins`` are those a browser may see the sandbox under."""

    title: str
    path: str
    style: Style
    office: TokenOffice
    clients: Clients
    accounts: Sequence[Account]
    origins: frozenset[str]

    def routes(self) -> list[Route]:
        """The page, what its form does, and its style sheet below it."""
        return [
            Route(self.path, self._ask, methods=["GET"]),
            Route(self.path, self._decide, methods=["POST"]),
            Route(f"{self.path}/sheet.css", sheet, methods=["GET"]),
        ]

    async def _ask(self, request: Request) -> Response:
        asked = self._read(request)
        if isinstance(asked, Response):
            return asked
        return self._page("consent.html", HTTPStatus.OK, asked.origin, asked=asked, accounts=self.accounts)

    async def _decide(self, request: Request) -> Response:
        asked = self._read(request)
        if isinstance(asked, Response):
            return asked
        origin = request.headers.get("origin")
        if origin is not None and origin not in self.origins:
            return self._refusal("The decision did not come from this page.", HTTPStatus.FORBIDDEN)
        form = await request.form()
        if form.get("decision") != "allow":
            return _lead(asked.led_back(**_DENIED))
        account = next((account for account in self.accounts if account.name == form.get("account")), None)
        scopes = _ticked(form, asked)
        if account is None or not scopes:
            return self._refusal("Choose an account and at least one permission.", HTTPStatus.UNPROCESSABLE_ENTITY)
        consent = Consent(asked.client_id, asked.redirect_uri, asked.challenge, account.name, scopes)
        return _lead(asked.led_back(code=self.office.give_code(consent)))

    def _read(self, request: Request) -> Authorization | Response:
        try:
            return read_authorization(request.query_params, self.clients, self.style)
        except Unsafe as fault:
            return self._refusal(str(fault), HTTPStatus.BAD_REQUEST)
        except SentBack as fault:
            return _lead(fault.location)

    def _refusal(self, why: str, status: HTTPStatus) -> Response:
        return self._page("refusal.html", status, "", why=why)

    def _page(self, name: str, status: HTTPStatus, onward: str, **content: object) -> Response:
        return page(name, f"{self.path.rpartition('/')[2]}/sheet.css", status, onward, title=self.title, **content)


def page(
    name: str, sheet_path: str, status: HTTPStatus = HTTPStatus.OK, onward: str = "", **content: object
) -> Response:
    """A page from a template. ``onward`` is the origin its form may be led to: browsers hold redirects to the policy too."""
    policy = f"default-src 'none'; style-src 'self'; form-action 'self' {onward}".rstrip()
    headers = {
        "content-security-policy": f"{policy}; base-uri 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    html = _TEMPLATES.get_template(name).render(sheet=sheet_path, **content)
    return HTMLResponse(html, status, headers=headers)


async def sheet(_request: Request) -> Response:
    """The style sheet of the sandbox's pages, with what a consent page needs besides."""
    text = "\n".join(path.read_text("utf-8") for path in _SHEETS)
    headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return Response(text, media_type="text/css", headers=headers)


def _ticked(form: FormData, asked: Authorization) -> tuple[str, ...]:
    chosen = set(form.getlist("scope"))
    return tuple(name for name in asked.scopes if name in chosen)


def _lead(location: str) -> Response:
    return RedirectResponse(location, HTTPStatus.SEE_OTHER, headers={"cache-control": "no-store"})
