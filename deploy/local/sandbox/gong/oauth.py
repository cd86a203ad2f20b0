"""Gong's OAuth: the client shows itself by Basic, every refresh token is good once, and nothing can be revoked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.oauth.authorization import Style
from local.sandbox.oauth.clients import ClientRefused
from local.sandbox.oauth.desk import Desk
from local.sandbox.oauth.forms import FormFault, read_form, wanted
from local.sandbox.oauth.office import Issued, TokenRefused
from local.sandbox.oauth.pages import ConsentPages
from local.sandbox.vendors import oauth_error

_STYLE = Style(" ", re.compile(r"api:[a-z-]+(:[a-z-]+){1,3}"), response_type_required=True)


@dataclass(frozen=True, slots=True)
class GongOAuth:
    """The routes below ``/gong`` that hand out tokens."""

    desk: Desk

    def routes(self) -> list[Route]:
        """The consent page and the token endpoint."""
        desk = self.desk
        pages = ConsentPages(
            "Gong", "/oauth2/authorize", _STYLE, desk.office, desk.clients, desk.accounts, desk.origins
        )
        return [*pages.routes(), Route("/oauth2/generate-customer-token", self._token, methods=["POST"])]

    async def _token(self, request: Request) -> Response:
        try:
            form = await read_form(request, query_too=True)
            client = self.desk.clients.by_basic(request)
            if form.get("client_id", client.client_id) != client.client_id:
                raise FormFault("client_id is not the one of the Authorization header")
            issued = self._issued(client.client_id, form)
        except ClientRefused:
            return oauth_error(HTTPStatus.UNAUTHORIZED, "invalid_client", "The client id or secret is not valid")
        except FormFault as fault:
            return oauth_error(HTTPStatus.BAD_REQUEST, "invalid_request", str(fault))
        except TokenRefused:
            text = "The code or refresh token is invalid, expired, revoked, or was used before"
            return oauth_error(HTTPStatus.BAD_REQUEST, "invalid_grant", text)
        if issued is None:
            text = "grant_type must be authorization_code or refresh_token"
            return oauth_error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", text)
        return JSONResponse(self.reply(issued), headers={"cache-control": "no-store"})

    def _issued(self, client_id: str, form: dict[str, str]) -> Issued | None:
        match wanted(form, "grant_type"):
            case "authorization_code":
                code, redirect_uri = wanted(form, "code"), wanted(form, "redirect_uri")
                return self.desk.office.exchange(client_id, code, redirect_uri, form.get("code_verifier"))
            case "refresh_token":
                return self.desk.office.refresh(client_id, wanted(form, "refresh_token"))
            case _:
                return None

    def reply(self, issued: Issued) -> dict[str, object]:
        """The token reply; the customer's address comes with it."""
        return {
            "access_token": issued.access_token,
            "refresh_token": issued.refresh_token,
            "expires_in": issued.expires_in,
            "scope": " ".join(issued.family.scopes),
            "token_type": "bearer",
            "api_base_url_for_customer": self.desk.office.rules.api_base_url or self.desk.base_url,
        }
