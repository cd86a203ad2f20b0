"""Credentials by OAuth: what a provider hands out, and what became of asking for it. Pure."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token reply. `expires_in` in seconds, None for a token without end; `base_url` is empty where the provider gives none.

    `provider_user` is the provider's own id of the person who agreed: Slack's, empty elsewhere. The repr shows no token.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int | None = None
    scopes: tuple[str, ...] = ()
    base_url: str = ""
    provider_user: str = ""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token as it is granted: never with the token that renews it. With who connected, where the provider has said so."""

    access_token: str = field(repr=False)
    provider_user: str = ""

    def grant(self, base_url: str) -> bytes:
        """What the requester finds when it opens its grant."""
        content = {"kind": "bearer", "token": self.access_token, "base_url": base_url}
        if self.provider_user:
            content["provider_user"] = self.provider_user
        return json.dumps(content, separators=(",", ":")).encode()


class Account(Struct, frozen=True):
    """Who a credential speaks for, as the provider names it, and the scopes it has where the provider tells.

    `account_id` is the provider's own id of it, which its webhooks use; empty where it tells none.
    """

    name: str
    scopes: tuple[str, ...] = ()
    account_id: str = ""


class Outcome(enum.StrEnum):
    """What became of an attempt to renew a credential."""

    STARTED = "started"
    ROTATED = "rotated"
    NOT_SPENT = "not_spent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class Revocation(enum.StrEnum):
    """What became of a credential that was let go."""

    PENDING = "pending"
    REVOKED = "revoked"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
