"""Slack's OAuth v2: comma-separated scopes, 200 for every refusal, tokens that rotate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.oauth.authorization import Style
from local.sandbox.oauth.clients import ClientRefused, basic_pair
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.forms import FormFault, read_form
from local.sandbox.oauth.ledger import Denial
from local.sandbox.oauth.office import Issued, TokenRefused
from local.sandbox.oauth.pages import ConsentPages
from local.sandbox.vendors import slack_error

_STYLE = Style(",", re.compile(r"[a-z][a-z._-]*(:[a-z._-]+)*"))
_CODE_ERRORS = {Denial.SPENT: "code_already_used", Denial.OTHER_REDIRECT: "bad_redirect_uri"}


@dataclass(frozen=True, slots=True)
class SlackOAuth:
    """The routes below ``/slack`` that hand out tokens."""

    desk: Desk

    def routes(self) -> list[Route]:
        """The consent page and the token method."""
        desk = self.desk
        pages = ConsentPages(
            "Slack", "/oauth/v2/authorize", _STYLE, desk.office, desk.clients, desk.accounts, desk.origins
        )
        return [*pages.routes(), Route("/api/oauth.v2.access", self._access, methods=["POST"])]

    async def _access(self, request: Request) -> Response:
        try:
            form = await read_form(request)
            by_header = basic_pair(request.headers.get("authorization", "")) is not None
            client = self.desk.clients.by_basic(request) if by_header else self.desk.clients.by_form(form)
        except FormFault:
            return slack_error("invalid_form_data")
        except ClientRefused as refusal:
            return slack_error("bad_client_secret" if refusal.known else "invalid_client_id")
        match form.get("grant_type", "authorization_code"):
            case "authorization_code":
                return self._exchanged(client.client_id, form)
            case "refresh_token":
                return self._refreshed(client.client_id, form)
            case _:
                return slack_error("invalid_grant_type")

    def _exchanged(self, client_id: str, form: dict[str, str]) -> Response:
        code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
        try:
            issued = self.desk.office.exchange(client_id, code, redirect_uri, form.get("code_verifier"))
        except TokenRefused as refusal:
            return slack_error(_CODE_ERRORS.get(refusal.denial, "invalid_code"))
        return JSONResponse(self.reply(issued), headers={"cache-control": "no-store"})

    def _refreshed(self, client_id: str, form: dict[str, str]) -> Response:
        try:
            issued = self.desk.office.refresh(client_id, form.get("refresh_token", ""))
        except TokenRefused as refusal:
            return slack_error("token_revoked" if refusal.denial is Denial.ENDED else "invalid_refresh_token")
        return JSONResponse(self.reply(issued), headers={"cache-control": "no-store"})

    def reply(self, issued: Issued) -> dict[str, object]:
        """The token reply; without rotation it has no refresh token and no end."""
        account = self.desk.account(issued.family.account)
        body: dict[str, object] = {
            "ok": True,
            "access_token": issued.access_token,
            "token_type": "bot",
            "scope": ",".join(issued.family.scopes),
            "bot_user_id": account.identifier("U", "bot user"),
            "app_id": account.identifier("A", "app"),
            "team": {"id": account.identifier("T", "team"), "name": account.title},
            "enterprise": None,
            "is_enterprise_install": False,
            "authed_user": {"id": account.identifier("U", "person")},
        }
        if issued.refresh_token is not None:
            body |= {"refresh_token": issued.refresh_token, "expires_in": issued.expires_in}
        return body
