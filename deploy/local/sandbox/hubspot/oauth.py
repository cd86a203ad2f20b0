"""HubSpot's OAuth of 2026-03: token, introspection and revocation, the client's secret in the form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from local.sandbox.oauth.authorization import Style
from local.sandbox.oauth.clients import ClientRefused
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.forms import FormFault, read_form, wanted
from local.sandbox.oauth.ledger import Denial, Family
from local.sandbox.oauth.office import Issued, Standing, TokenRefused
from local.sandbox.oauth.pages import ConsentPages
from local.sandbox.vendors import hubspot_error

_STYLE = Style(" ", re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*"))
_BASE = "/oauth/2026-03/token"
_NO_STORE = {"cache-control": "no-store"}

Answer = Callable[[str, dict[str, str]], Response]


@dataclass(frozen=True, slots=True)
class HubSpotOAuth:
    """The routes below ``/hubspot``."""

    desk: Desk

    def router(self, more: Sequence[Route] = ()) -> Router:
        """The consent page, the three endpoints, and ``more``."""
        desk = self.desk
        pages = ConsentPages(
            "HubSpot", "/oauth/authorize", _STYLE, desk.office, desk.clients, desk.accounts, desk.origins
        )
        return Router(
            [
                *pages.routes(),
                self._route(_BASE, self._token),
                self._route(f"{_BASE}/introspect", self._introspect),
                self._route(f"{_BASE}/revoke", self._revoke),
                *more,
            ]
        )

    def reply(self, issued: Issued) -> dict[str, object]:
        """The token reply."""
        return {
            "access_token": issued.access_token,
            "refresh_token": issued.refresh_token,
            "expires_in": issued.expires_in,
            "token_type": "bearer",
            "token_use": "access_token",
            **self._about(issued.family),
        }

    def _route(self, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request)
                client = self.desk.clients.by_form(form)
                return answer(client.client_id, form)
            except FormFault as fault:
                return hubspot_error(HTTPStatus.BAD_REQUEST, "invalid_request", str(fault), "BAD_REQUEST")
            except ClientRefused as refusal:
                legacy = "BAD_CLIENT_SECRET" if refusal.known else "BAD_CLIENT_ID"
                text = "missing or unknown client id, or the client secret does not match"
                return hubspot_error(HTTPStatus.UNAUTHORIZED, "invalid_client", text, legacy)

        return Route(path, endpoint, methods=["POST"])

    def _token(self, client_id: str, form: dict[str, str]) -> Response:
        grant_type = wanted(form, "grant_type")
        try:
            if grant_type == "authorization_code":
                code, redirect_uri = wanted(form, "code"), wanted(form, "redirect_uri")
                issued = self.desk.office.exchange(client_id, code, redirect_uri, form.get("code_verifier"))
            elif grant_type == "refresh_token":
                issued = self.desk.office.refresh(client_id, wanted(form, "refresh_token"))
            else:
                text = "grant_type must be authorization_code or refresh_token"
                return hubspot_error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", text, "BAD_GRANT_TYPE")
        except TokenRefused as refusal:
            return _refusal(refusal.denial, is_code=grant_type == "authorization_code")
        return JSONResponse(self.reply(issued), headers=_NO_STORE)

    def _introspect(self, client_id: str, form: dict[str, str]) -> Response:
        token = wanted(form, "token")
        shown = self.desk.office.show(token)
        self.desk.office.note("introspect", token, shown.standing.value)
        family = shown.family
        if family is None or shown.standing is not Standing.LIVE or family.client_id != client_id:
            return JSONResponse({"active": False}, headers=_NO_STORE)
        account = self.desk.account(family.account)
        body: dict[str, object] = {
            "active": True,
            "token_use": "refresh_token" if shown.is_refresh else "access_token",
            "token_type": "bearer",
            "client_id": client_id,
            "hub_domain": account.domain,
            "user": account.user,
            "app_id": account.number("app"),
            **self._about(family),
        }
        if shown.expires_at is not None:
            body["expires_in"] = int((shown.expires_at - self.desk.office.clock.now()).total_seconds())
        return JSONResponse(body, headers=_NO_STORE)

    def _revoke(self, client_id: str, form: dict[str, str]) -> Response:
        token = wanted(form, "token")
        family = self.desk.office.show(token).family
        if family is not None and family.client_id != client_id:
            return hubspot_error(HTTPStatus.BAD_REQUEST, "invalid_grant", "not a token of this app", "BAD_TOKEN")
        self.desk.office.revoke(token)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _about(self, family: Family) -> dict[str, object]:
        account = self.desk.account(family.account)
        return {"hub_id": account.number("hub"), "user_id": account.number("user"), "scopes": list(family.scopes)}


def _refusal(denial: Denial, *, is_code: bool) -> Response:
    if denial is Denial.OTHER_REDIRECT:
        text = "redirect_uri is not the one the code was asked for with"
        return hubspot_error(HTTPStatus.BAD_REQUEST, "invalid_grant", text, "MISMATCH_REDIRECT_URI_AUTH_CODE")
    text = f"missing or invalid {'auth code' if is_code else 'refresh token'}"
    legacy = "BAD_AUTH_CODE" if is_code else "BAD_REFRESH_TOKEN"
    return hubspot_error(HTTPStatus.BAD_REQUEST, "invalid_grant", text, legacy)
