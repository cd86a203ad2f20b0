"""Slack's OAuth v2: scopes with commas, 200 for every refusal, bot tokens with or without an end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, StrictBool

from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.renewals import CALL_SECONDS
from credential_vault.providers.asking import Answer, Life, Line, Name, Reply, Token
from credential_vault.providers.client import Registration
from credential_vault.providers.port import Guard, NotSpent, Refused

# Post a result, and name the channel to post to.
SCOPES: Final = ("chat:write", "channels:read")
# To look for a message whose posting had no clear end; it lets an app read everything in its channels, so only where an operator says so.
READING_SCOPE: Final = "channels:history"

_PERSON = re.compile(r"[UW][A-Z0-9]{2,63}")

_ACCESS_PATH = "/api/oauth.v2.access"

_EXCHANGE_SECONDS, _VERIFY_SECONDS, _REVOKE_SECONDS = 20.0, 15.0, 9.0

_EXPIRED = "token_expired"
_NOT_ACCEPTED = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "user_removed_from_team",
        "team_access_not_granted",
    }
)
_BAD_CODE = frozenset({"invalid_code", "code_already_used", "code_expired", "bad_redirect_uri"})
_BAD_REFRESH = frozenset({"invalid_refresh_token", "token_revoked", "token_expired", "account_inactive"})
_NO_CLIENT = frozenset({"invalid_client_id", "bad_client_secret"})


def _person(value: object) -> str:
    """The id in `authed_user`; empty for anything but a person's. Notices go there: a channel's would show them to all who are in it."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and _PERSON.fullmatch(found) else ""


class _Said(Reply):
    ok: StrictBool
    error: Annotated[str, Field(max_length=200)] = ""


class _Tokens(Reply):
    ok: Literal[True]
    access_token: Token
    refresh_token: Token | None = None
    expires_in: Life | None = None
    token_type: Literal["bot"]
    scope: Annotated[str, Field(min_length=1, max_length=4000)]
    # Who agreed: in the answer to a code, not always in that to a refresh token. No token is lost over it.
    authed_user: Annotated[str, BeforeValidator(_person)] = ""


class _Identity(Reply):
    ok: Literal[True]
    team: Name
    team_id: Annotated[str, Field(min_length=1, max_length=100)]


class _Revocation(Reply):
    ok: Literal[True]
    revoked: StrictBool


@dataclass(frozen=True, slots=True)
class SlackOAuth:
    """Implements `port.OAuthProvider`. `authorize` is the whole address of the consent page."""

    line: Line
    registration: Registration
    authorize: str
    provider: Provider = field(default=Provider.SLACK, init=False)
    scopes: tuple[str, ...] = SCOPES
    # Slack offers it to apps without a client secret only.
    pkce: bool = field(default=False, init=False)

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        """As the port says."""
        query = {
            "client_id": self.registration.client_id,
            "scope": ",".join(self.scopes),
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self.authorize}?{urlencode(query)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """As the port says."""
        answer = await self._access({"code": code, "redirect_uri": redirect_uri}, _EXCHANGE_SECONDS)
        return self._tokens(answer, _BAD_CODE, "It did not accept the code: connect again.")

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """As the port says."""
        return await self._refreshed(refresh_token, CALL_SECONDS, guard)

    async def is_active(self, refresh_token: str) -> bool | None:
        """Slack does not say."""
        return None

    async def verify(self, access_token: str, base_url: str) -> Account:
        """As the port says."""
        answer = await self.line.ask("/api/auth.test", bearer=access_token, seconds=_VERIFY_SECONDS)
        found = answer.read(_Identity) if answer.is_success else None
        if found is not None:
            return Account((found.team or found.team_id)[:200], account_id=found.team_id)
        if self._error(answer) in _NOT_ACCEPTED | {_EXPIRED}:
            raise Refused("Slack does not accept the access.")
        raise self.line.unclear()

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        """As the port says. Slack ends a token by the token itself: one that has run out is renewed first."""
        if not await self._revoked(access_token):
            if not refresh_token:
                raise Refused("Slack's access had run out already.")
            renewed = await self._refreshed(refresh_token, _REVOKE_SECONDS, None)
            if not await self._revoked(renewed.access_token):
                raise self.line.unclear()
        return True

    async def _revoked(self, access_token: str) -> bool:
        """False for a token that has run out."""
        answer = await self.line.ask("/api/auth.revoke", bearer=access_token, seconds=_REVOKE_SECONDS)
        found = answer.read(_Revocation) if answer.is_success else None
        if found is not None and found.revoked:
            return True
        error = self._error(answer)
        if error == _EXPIRED:
            return False
        if error in _NOT_ACCEPTED:
            raise Refused("Slack knows of no such access any more.")
        raise self.line.unclear()

    async def _refreshed(self, refresh_token: str, seconds: float, guard: Guard | None) -> Tokens:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = await self._access(form, seconds, guard)
        return self._tokens(answer, _BAD_REFRESH, "It no longer accepts the token that renews the access.")

    async def _access(self, form: dict[str, str], seconds: float, guard: Guard | None = None) -> Answer:
        client = await self.registration.client()
        asked = {**form, "client_id": client.client_id, "client_secret": client.secret}
        return await self.line.ask(_ACCESS_PATH, asked, seconds=seconds, guard=guard)

    def _tokens(self, answer: Answer, no_good: frozenset[str], refusal: str) -> Tokens:
        reply = answer.read(_Tokens) if answer.is_success else None
        if reply is not None:
            scopes = tuple(dict.fromkeys(name.strip() for name in reply.scope.split(",") if name.strip()))
            renewing = reply.refresh_token or ""
            return Tokens(reply.access_token, renewing, reply.expires_in, scopes, provider_user=reply.authed_user)
        error = self._error(answer)
        if error in no_good:
            raise Refused(f"Slack refused. {refusal}")
        if error in _NO_CLIENT:
            raise NotSpent("Slack does not know Callmine's client: an operator has to check its id and secret.")
        if error == "ratelimited":
            raise NotSpent("Slack asks to wait. Try again in a while.")
        raise self.line.unclear(answer)

    def _error(self, answer: Answer) -> str:
        said = answer.read(_Said) if answer.is_success else None
        return said.error if said is not None and not said.ok else ""
