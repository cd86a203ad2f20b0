"""Signing keys of an issuer (a JWKS), fetched when needed and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import core.log
from core.clock import Clock
from core.errors import CallmineError, Transient
from core.late import Late

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# Issuers rotate keys days ahead of use; an hour bounds how long a withdrawn key is still trusted.
FRESH_SECONDS = 3600.0

# An unknown key id is anybody's to send: it may cause one fetch a minute, not one a request.
LEAST_SECONDS_BETWEEN_FETCHES = 60.0
LEAST_SECONDS_BEFORE_FIRST_KEYS = 1.0

_SMALLEST_RSA_BITS = 2048

_log = core.log.logger("web.keys")

Fetch = Callable[[], Awaitable[object]]


class SigningKeys:
    """The RS256 keys behind one JWKS address. Old keys stay in use while a fetch fails."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        """`fetch` returns the decoded JWKS document or raises a CallmineError."""
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> RSAPublicKey | None:
        """The key called `key_id`, None if the issuer has none. Raises Transient while no key could be fetched yet."""
        if key_id not in self._keys or self._is_stale():
            await self._refresh(key_id)
        if not self._keys:
            raise Transient("The keys that sessions are checked with cannot be fetched. Try again in a moment.", 5)
        return self._keys.get(key_id)

    def _is_stale(self) -> bool:
        return self._clock.monotonic() - self._fetched_at > FRESH_SECONDS

    async def _refresh(self, key_id: str) -> None:
        async with self._lock:
            least = LEAST_SECONDS_BETWEEN_FETCHES if self._keys else LEAST_SECONDS_BEFORE_FIRST_KEYS
            known = key_id in self._keys and not self._is_stale()
            if known or self._clock.monotonic() - self._tried_at < least:
                return
            self._tried_at = self._clock.monotonic()
            await JWT.get()
            try:
                keys = parse_keys(await self._fetch())
            except CallmineError as error:
                _log.warning("signing keys could not be fetched", error=type(error).__name__, kept=len(self._keys))
                return
            if keys:
                self._keys, self._fetched_at = keys, self._clock.monotonic()


def parse_keys(document: object) -> dict[str, RSAPublicKey]:
    """The usable keys of a JWKS document by key id: RSA, at least 2048 bits, for signing, RS256. Others are left out."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    found = {}
    for entry in entries if isinstance(entries, list) else []:
        key = _rsa_key(entry)
        if key is not None:
            found[str(entry["kid"])] = key
    return found


def _rsa_key(entry: object) -> RSAPublicKey | None:
    import jwt
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("kty") != "RSA":
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    try:
        key = jwt.PyJWK(entry, algorithm="RS256").key
    except jwt.PyJWTError:
        return None
    usable = isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST_RSA_BITS
    return key if usable else None


def load_jwt() -> None:
    """What reads and checks tokens and keys: needed for the first session."""
    import jwt  # noqa: F401 - whoever awaits `JWT.get` imports it again without delay


JWT = Late(load_jwt)
