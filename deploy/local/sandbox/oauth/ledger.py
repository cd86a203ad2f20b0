"""What an OAuth server remembers: codes, tokens and the families they belong to. Tokens are known by digest only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SHOWN = 16
"""Hexadecimal digits of a digest that reports and the journal show: enough to tell tokens apart."""


class Ending(StrEnum):
    """Why a family's tokens are good no more."""

    REVOKED = "revoked"
    CODE_REUSED = "code_reused"
    REFRESH_REUSED = "refresh_reused"
    UNINSTALLED = "uninstalled"


class Denial(StrEnum):
    """Why a code or a refresh token is not honoured."""

    UNKNOWN = "unknown"
    SPENT = "spent"
    EXPIRED = "expired"
    ENDED = "ended"
    OTHER_CLIENT = "other_client"
    OTHER_REDIRECT = "other_redirect"
    WRONG_VERIFIER = "wrong_verifier"


@dataclass(slots=True)
class Family:
    """All tokens that come from one consent. ``generation`` counts its access tokens, ``reused`` its spent tokens shown."""

    family_id: str
    client_id: str
    account: str
    scopes: tuple[str, ...]
    began_at: datetime
    generation: int = 0
    refreshes: int = 0
    reused: int = 0
    ended: Ending | None = None
    newest_expires_at: datetime | None = None


@dataclass(slots=True)
class Code:
    """A code on its way to the client; ``family_id`` is set once it was exchanged."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    account: str
    scopes: tuple[str, ...]
    expires_at: datetime
    family_id: str | None = None


@dataclass(slots=True)
class Token:
    """An access or a refresh token; ``spent`` is for refresh tokens alone."""

    family_id: str
    expires_at: datetime | None
    spent: bool = False


@dataclass(slots=True)
class Ledger:
    """Everything by the digest of the code or token."""

    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)

    def family_of(self, digest: str) -> Family | None:
        """The family of whatever has this digest."""
        token = self.access.get(digest) or self.refresh.get(digest)
        code = self.codes.get(digest)
        family_id = token.family_id if token else code.family_id if code else None
        return self.families[family_id] if family_id else None

    def forget(self, before: datetime) -> None:
        """Drops codes and access tokens that expired earlier; spent refresh tokens stay, so that reuse is noticed."""
        self.codes = {digest: code for digest, code in self.codes.items() if code.expires_at >= before}
        self.access = {
            digest: token
            for digest, token in self.access.items()
            if token.expires_at is None or token.expires_at >= before
        }


def digest_of(token: str) -> str:
    """SHA-256 of a code or token, in hexadecimal; its first ``SHOWN`` digits are what the journal calls it."""
    return hashlib.sha256(token.encode()).hexdigest()
