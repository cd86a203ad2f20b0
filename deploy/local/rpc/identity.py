"""Who is calling: a table of bearer tokens to service accounts, as Google's front end resolves an access token."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import grpc

from local.rpc.refusal import Refused

ANYONE = "anonymous"
"""The account of a caller when no table of tokens was given; every policy lets it through."""

_SCHEME = "Bearer "


@dataclass(frozen=True, slots=True)
class Identities:
    """Maps bearer tokens to service accounts.

    Without tokens identity is switched off and every caller is `ANYONE`; with tokens a caller without a known one is
    refused as UNAUTHENTICATED.
    """

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def enforced(self) -> bool:
        return bool(self.tokens)

    def account(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
        """Returns the service account behind the call's `authorization` metadata."""
        if not self.tokens:
            return ANYONE
        for key, value in metadata or ():
            if key == "authorization" and isinstance(value, str) and value.startswith(_SCHEME):
                return self._owner(value.removeprefix(_SCHEME))
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, "No bearer token. Send `authorization: Bearer <token>`.")

    def _owner(self, token: str) -> str:
        presented = token.encode()
        # compare_digest over all entries: how long a refusal takes says nothing about how much of a token was right.
        matches = [owner for known, owner in self.tokens.items() if hmac.compare_digest(known.encode(), presented)]
        if not matches:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "Unknown bearer token. Use the one issued at start-up.")
        return matches[0]
