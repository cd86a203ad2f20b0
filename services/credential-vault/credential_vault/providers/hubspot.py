"""HubSpot's OAuth of 2026-03: token, introspection, revocation; client id and secret in the form, PKCE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import Field, StrictBool

from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.domain.renewals import CALL_SECONDS
from credential_vault.providers.asking import Answer, ErrorReply, Life, Line, Name, Reply, Scope, Token
from credential_vault.providers.client import Registration
from credential_vault.providers.port import Guard, NotSpent, Refused

# What the filters of an analysis need: stage, amount, owner and company of a deal, and contacts to find the deal of who was on a call.
# Nothing is ever written.
SCOPES: Final = (
    "oauth",
    "crm.objects.deals.read",
    "crm.objects.companies.read",
    "crm.objects.contacts.read",
    "crm.objects.owners.read",
)

_PATH = "/oauth/2026-03/token"

_EXCHANGE_SECONDS, _VERIFY_SECONDS, _REVOKE_SECONDS = 20.0, 15.0, 12.0

# RFC 6749's word, and the ones that HubSpot had before it.
_NO_GOOD = frozenset({"invalid_grant", "BAD_REFRESH_TOKEN", "BAD_AUTH_CODE", "MISMATCH_REDIRECT_URI_AUTH_CODE"})
_NO_SUCH_TOKEN = _NO_GOOD | {"invalid_token", "BAD_TOKEN"}
_NO_CLIENT = frozenset({"invalid_client", "unauthorized_client", "BAD_CLIENT_ID", "BAD_CLIENT_SECRET"})


class _Tokens(Reply):
    access_token: Token
    refresh_token: Token
    expires_in: Life
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    scopes: Annotated[tuple[Scope, ...], Field(max_length=200)] = ()


class _Introspection(Reply):
    active: StrictBool
    hub_domain: Name = ""
    hub_id: int | None = None
    scopes: Annotated[tuple[Scope, ...], Field(max_length=200)] = ()


@dataclass(frozen=True, slots=True)
class HubSpotOAuth:
    """Implements `port.OAuthProvider`. `authorize` is the whole address of the consent page."""

    line: Line
    registration: Registration
    authorize: str
    provider: Provider = field(default=Provider.HUBSPOT, init=False)
    scopes: tuple[str, ...] = field(default=SCOPES, init=False)
    pkce: bool = field(default=True, init=False)

    def authorize_url(self, state: str, challenge: str, redirect_uri: str) -> str:
        """As the port says."""
        query = {
            "client_id": self.registration.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.authorize}?{urlencode(query)}"

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """As the port says."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        answer = await self._ask(_PATH, form, _EXCHANGE_SECONDS)
        return self._tokens(answer, "It did not accept the code: connect again.")

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """As the port says."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = await self._ask(_PATH, form, CALL_SECONDS, guard)
        return self._tokens(answer, "It no longer accepts the token that renews the access.")

    async def is_active(self, refresh_token: str) -> bool | None:
        """As the port says, by introspection (RFC 7662)."""
        return (await self._introspect(refresh_token, "refresh_token")).active

    async def verify(self, access_token: str, base_url: str) -> Account:
        """As the port says, by introspection."""
        known = await self._introspect(access_token, "access_token")
        if not known.active:
            raise Refused("HubSpot does not accept the access.")
        name = known.hub_domain or ("" if known.hub_id is None else f"account {known.hub_id}")
        account_id = "" if known.hub_id is None else str(known.hub_id)
        return Account(name[:200], tuple(dict.fromkeys(known.scopes)), account_id)

    async def revoke(self, access_token: str, refresh_token: str) -> bool:
        """As the port says: the token that renews first, then the access it gave. Raises Refused when HubSpot knew neither any more."""
        known = False
        tokens = ((refresh_token, "refresh_token"), (access_token, "access_token"))
        for token, kind in tokens:
            if token:
                known = await self._revoked(token, kind) or known
        if not known:
            raise Refused("HubSpot knows of no such access any more.")
        return True

    async def _revoked(self, token: str, kind: str) -> bool:
        form = {"token": token, "token_type_hint": kind}
        answer = await self._ask(f"{_PATH}/revoke", form, _REVOKE_SECONDS)
        if answer.is_success:
            return True
        said = answer.read(ErrorReply)
        if said is None or not said.words & _NO_SUCH_TOKEN:
            raise self.line.unclear()
        return False

    async def _introspect(self, token: str, kind: str) -> _Introspection:
        form = {"token": token, "token_type_hint": kind}
        answer = await self._ask(f"{_PATH}/introspect", form, _VERIFY_SECONDS)
        found = answer.read(_Introspection) if answer.is_success else None
        if found is None:
            raise self.line.unclear()
        return found

    async def _ask(self, path: str, form: dict[str, str], seconds: float, guard: Guard | None = None) -> Answer:
        client = await self.registration.client()
        asked = {**form, "client_id": client.client_id, "client_secret": client.secret}
        return await self.line.ask(path, asked, seconds=seconds, guard=guard)

    def _tokens(self, answer: Answer, refusal: str) -> Tokens:
        reply = answer.read(_Tokens) if answer.is_success else None
        if reply is not None:
            scopes = tuple(dict.fromkeys(reply.scopes))
            return Tokens(reply.access_token, reply.refresh_token, reply.expires_in, scopes)
        said = answer.read(ErrorReply) if not answer.is_success else None
        if said is not None and said.words & _NO_GOOD:
            raise Refused(f"HubSpot refused. {refusal}")
        if said is not None and said.words & _NO_CLIENT:
            raise NotSpent("HubSpot does not know Callmine's client: an operator has to check its id and secret.")
        raise self.line.unclear(answer)
