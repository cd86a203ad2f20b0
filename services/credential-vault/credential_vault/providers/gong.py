"""Gong's OAuth: the client shows itself by Basic, each refresh token is good once, the customer's own API address comes with the tokens.

Endpoints: help.gong.io, "Create an app for Gong". Gong has nothing to revoke a token with, and nothing to ask about a refresh token.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field

from core.errors import InvalidInput
from core.log import logger
from credential_vault.domain.credentials import Provider, gong_base_url
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.renewals import CALL_SECONDS
from credential_vault.providers.asking import Answer, ErrorReply, Life, Line, Name, Reply, Token
from credential_vault.providers.client import Registration
from credential_vault.providers.port import Guard, NotSpent, Refused

log = logger("credential_vault.gong")

SCOPES: Final = (
    "api:calls:read:basic",
    "api:calls:read:extensive",
    "api:calls:read:transcript",
    "api:users:read",
)

_TOKEN_PATH = "/oauth2/generate-customer-token"  # noqa: S105 - a path

# A person waits for these.
_EXCHANGE_SECONDS, _VERIFY_SECONDS = 20.0, 15.0

_UNAUTHORIZED = 401


class _Tokens(Reply):
    access_token: Token
    refresh_token: Token
    expires_in: Life
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    # RFC 6749, 5.1: absent when it is what was asked for.
    scope: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    api_base_url_for_customer: Name = ""


class _User(Reply):
    emailAddress: Name | None = None  # noqa: N815 - Gong's spelling


class _Users(Reply):
    users: list[_User]


@dataclass(frozen=True, slots=True)
class GongOAuth:
    """Implements `port.OAuthProvider`. `authorize` is the whole address of the consent page, `api_url` that of the API by default."""

    login: Line
    api: Line
    registration: Registration
    authorize: str
    api_url: str
    provider: Provider = field(default=Provider.GONG, init=False)
    scopes: tuple[str, ...] = field(default=SCOPES, init=False)
    # Gong's documentation knows no code challenge.
    pkce: bool = field(default=False, init=False)

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        """As the port says."""
        query = {
            "client_id": self.registration.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
            "access_type": "offline",
        }
        return f"{self.authorize}?{urlencode(query)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """As the port says. An API address that is not Gong's own makes the whole answer Unknown."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        reply = await self._tokens(form, _EXCHANGE_SECONDS, None, "It did not accept the code: connect again.")
        address = reply.api_base_url_for_customer
        try:
            base_url = gong_base_url(address, self.api_url)
        except InvalidInput:
            address = base_url = ""
        if not address:
            raise self.login.unusable(_as_tokens(reply, ""))
        return _as_tokens(reply, base_url)

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """As the port says. An API address that is not Gong's own is left out: the tokens are the only ones there are."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        reply = await self._tokens(form, CALL_SECONDS, guard, "It no longer accepts the token that renews the access.")
        try:
            found = gong_base_url(reply.api_base_url_for_customer, self.api_url)
        except InvalidInput:
            log.warning("a renewal names an API address that is not Gong's own; it is left as it was")
            found = ""
        return _as_tokens(reply, found)

    async def is_active(self, refresh_token: str) -> bool | None:
        """Gong does not say."""
        return None

    async def verify(self, access_token: str, base_url: str) -> Account:
        """As the port says: the access token has to list the users of the account."""
        url = f"{base_url or self.api_url}/v2/users"
        answer = await self.api.ask(url, method="GET", bearer=access_token, seconds=_VERIFY_SECONDS)
        if answer.status == _UNAUTHORIZED:
            raise Refused("Gong does not accept the access.")
        users = answer.read(_Users) if answer.is_success else None
        if users is None:
            raise self.api.unclear()
        return Account(_company(users))

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        """Gong has no way to."""
        return False

    async def _tokens(self, form: dict[str, str], seconds: float, guard: Guard | None, refusal: str) -> _Tokens:
        client = await self.registration.client()
        auth = (client.client_id, client.secret)
        asked = {**form, "client_id": client.client_id}
        answer = await self.login.ask(_TOKEN_PATH, asked, auth=auth, seconds=seconds, guard=guard)
        reply = answer.read(_Tokens) if answer.is_success else None
        if reply is not None:
            return reply
        raise self._refusal(answer, refusal)

    def _refusal(self, answer: Answer, words: str) -> Exception:
        said = answer.read(ErrorReply) if not answer.is_success else None
        if said is not None and said.error == "invalid_grant":
            return Refused(f"Gong refused. {words}")
        if said is not None and said.error in {"invalid_client", "unauthorized_client"}:
            return NotSpent("Gong does not know Callmine's client: an operator has to check its id and secret.")
        return self.login.unclear(answer)


def _as_tokens(reply: _Tokens, base_url: str) -> Tokens:
    scopes = () if reply.scope is None else tuple(dict.fromkeys(reply.scope.split()))
    return Tokens(reply.access_token, reply.refresh_token, reply.expires_in, scopes, base_url)


def _company(users: _Users) -> str:
    """Gong's answer does not name the company: the domain that most of its users have does."""
    domains = Counter(user.emailAddress.rpartition("@")[2] for user in users.users if user.emailAddress)
    return domains.most_common(1)[0][0][:200] if domains else ""
