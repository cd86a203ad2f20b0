"""Clerk session tokens: is this one genuine, for us, and of now?

Checked: RS256 by a key of Clerk's JWKS, `iss` exactly, `azp` among the authorized parties, `exp` and `nbf`. No call to
Clerk is made for a request; a token lives about a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import Unauthenticated
from egress import Destination, Egress
from web.keys import JWT, Fetch, SigningKeys
from web.session import Session, session_of
from web.settings import ServiceSettings

# Clocks of two machines differ by a second or two; Clerk's own libraries allow five.
LEEWAY_SECONDS = 5

# A session token is about 1 KB; browsers cap a cookie at 4 KB. Longer text is not worth parsing.
LONGEST_TOKEN = 8192

_REQUIRED = ["exp", "nbf", "iat", "iss", "sub", "azp"]
_SIGN_IN = "Sign in to go on."
_SIGN_IN_AGAIN = "Your session has ended or is not valid here. Sign in to go on."

CLERK = "clerk"


class SessionCheck(Protocol):
    """Turns a token into a session."""

    async def session(self, token: str, *, from_cookie: bool) -> Session:
        """The session of `token`. Raises Unauthenticated, Forbidden, or Transient while there are no keys."""
        ...


class ClerkSessions:
    """Checks Clerk's session tokens."""

    def __init__(self, keys: SigningKeys, issuer: str, authorized_parties: tuple[str, ...]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._authorized_parties = frozenset(authorized_parties)

    async def session(self, token: str, *, from_cookie: bool) -> Session:
        """The session of `token`. Raises Unauthenticated, Forbidden, or Transient while there are no keys."""
        if not token:
            raise Unauthenticated(_SIGN_IN)
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated(_SIGN_IN_AGAIN)
        return session_of(await self._claims(token), from_cookie=from_cookie)

    async def _claims(self, token: str) -> Mapping[str, object]:
        await JWT.get()
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(_SIGN_IN_AGAIN) from error
        key_id = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(key_id, str):
            raise Unauthenticated(_SIGN_IN_AGAIN)
        key = await self._keys.find(key_id)
        if key is None:
            raise Unauthenticated(_SIGN_IN_AGAIN)
        try:
            claims: Mapping[str, object] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED, "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated(_SIGN_IN_AGAIN) from error
        if claims.get("azp") not in self._authorized_parties:
            raise Unauthenticated(_SIGN_IN_AGAIN)
        return claims


def clerk_destination(settings: ServiceSettings) -> Destination:
    """Where Clerk's keys are fetched from."""
    parts = urlsplit(settings.clerk_jwks_url)
    return Destination(name=CLERK, base_url=f"https://{parts.netloc}", largest_response=256 * 1024)


def clerk_sessions(settings: ServiceSettings, egress: Egress, clock: Clock) -> ClerkSessions:
    """The check for `settings`, fetching keys through `egress`."""
    keys = SigningKeys(_jwks(egress, settings.clerk_jwks_url), clock)
    return ClerkSessions(keys, settings.clerk_issuer, settings.clerk_authorized_parties)


def _jwks(egress: Egress, url: str) -> Fetch:
    async def fetch() -> object:
        response = await egress.request(CLERK, "GET", url, timeout=10)
        try:
            document: object = response.json()
        except ValueError:
            return None
        return document

    return fetch
