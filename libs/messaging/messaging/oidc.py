"""Checks Google's identity tokens: RS256 by published keys, audience, issuer, the caller's verified e-mail address, expiry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from core.clock import Clock, SystemClock
from core.errors import Forbidden, Transient, Unauthenticated
from core.late import Late

if TYPE_CHECKING:
    import jwt

GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"

# Google signs as either (developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken).
GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")

# Google rotates keys daily and serves them with some hours of max-age.
_KEYS_KEPT_SECONDS = 3600.0

# An unknown key id makes the keys be read again, but no more often than this: anybody can send a token with an invented key id.
_KEYS_READ_AGAIN_SECONDS = 60.0

# Difference between two clocks, in seconds.
_LEEWAY_SECONDS = 30

FetchKeys = Callable[[], Awaitable[bytes]]
"""Reads the JSON Web Key Set; raises Transient when it cannot be had."""


class Verifier(Protocol):
    """Tells who sent a request."""

    async def verify(self, authorization: str) -> str:
        """The caller's e-mail address from the Authorization header. Raises Unauthenticated, Forbidden or Transient."""
        ...


class OidcSettings(Struct, frozen=True):
    """Whom to let in: tokens for `audience`, of service accounts with these e-mail addresses, signed by these issuers."""

    audience: str
    emails: Collection[str]
    issuers: Collection[str] = GOOGLE_ISSUERS


class GoogleOidc:
    """A Verifier for tokens that Google (or the embedded cloud) signs."""

    def __init__(self, settings: OidcSettings, fetch_keys: FetchKeys, clock: Clock | None = None) -> None:
        self._settings = settings
        self._keys = _Keys(fetch_keys, clock or SystemClock())

    async def verify(self, authorization: str) -> str:
        """The caller's e-mail address.

        Raises Unauthenticated for a token that is missing, unsigned, expired or meant for others, Forbidden for a caller not on the list.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send an identity token as bearer token")
        claims = await self._claims(token)
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Forbidden("the token carries no verified e-mail address")
        if email not in self._settings.emails:
            raise Forbidden("this service account may not call here: see the service's settings")
        return email

    async def _claims(self, token: str) -> Mapping[str, object]:
        await _JWT.get()
        import jwt

        try:
            key = await self._keys.get(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: Mapping[str, object] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._settings.audience,
                issuer=list(self._settings.issuers),
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the identity token is not valid ({type(error).__name__})") from error
        return claims


class _Keys:
    """The published keys by id, read at most once an hour and when an unknown id turns up."""

    def __init__(self, fetch: FetchKeys, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK:
        import jwt

        async with self._reading:
            age = self._clock.monotonic() - self._read_at
            unknown = key_id not in self._keys
            if age > _KEYS_KEPT_SECONDS or (unknown and age > _KEYS_READ_AGAIN_SECONDS):
                await self._read()
        if key_id not in self._keys:
            raise jwt.InvalidKeyError("unknown key id")
        return self._keys[key_id]

    async def _read(self) -> None:
        """Read the keys; while the issuer is away, go on with those known."""
        import jwt

        try:
            document = json.loads(await self._fetch())
            keys = jwt.PyJWKSet.from_dict(document)
        except Transient:
            if not self._keys:
                raise
        except (ValueError, jwt.PyJWTError) as error:
            if not self._keys:
                raise Transient("the issuer's keys cannot be read; it will be tried again") from error
        else:
            self._keys = {str(key.key_id): key for key in keys.keys}
            self._read_at = self._clock.monotonic()


def _load() -> None:
    """What reads and checks tokens: needed for the first one."""
    import jwt  # noqa: F401 - whoever awaits this imports it again without delay


_JWT = Late(_load)
