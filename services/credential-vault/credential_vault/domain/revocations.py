"""Credentials that are no longer used: why they were let go, and what became of them, in words for the page. Pure."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec import Struct

from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Revocation


class Reason(enum.StrEnum):
    """Why a version of a credential is no longer used."""

    REPLACED = "replaced"
    DISCONNECTED = "disconnected"
    ERASED = "erased"
    # Received from a renewal that lost its race: a person reconnected or disconnected meanwhile.
    SUPERSEDED = "superseded"
    # Received on connecting, and not stored: scopes were missing, or the provider did not accept it.
    NOT_TAKEN = "not_taken"


class Ending(Struct, frozen=True):
    """What became of a revocation, in a word and in words."""

    state: Revocation
    outcome: str


@dataclass(frozen=True, slots=True)
class Held:
    """Ciphertexts by field, and the slot they open in."""

    slot: Slot
    fields: Mapping[str, bytes] = field(repr=False)


class LetGo(Struct, frozen=True):
    """A credential that has yet to be revoked, encrypted still. `attempts` counts this one; `age_seconds` since it was let go."""

    id: uuid.UUID
    held: Held
    attempts: int
    age_seconds: float


class RevocationLine(Struct, frozen=True):
    """What the page shows of a revocation; `next_at` is None once it is over."""

    provider: Provider
    state: Revocation
    reason: Reason
    outcome: str
    attempts: int
    let_go_at: datetime
    ended_at: datetime | None
    next_at: datetime | None


# Where a person ends the access by hand.
BY_HAND: Final = {
    Provider.GONG: "remove Callmine in Gong, under Company Settings",
    Provider.HUBSPOT: "uninstall Callmine in HubSpot, under Connected apps",
    Provider.SLACK: "remove Callmine in Slack, under Manage apps",
}


def no_way(provider: Provider) -> Ending:
    """The provider has nothing to call for it."""
    words = f"{provider.title} offers no way to revoke an app's access from outside: {BY_HAND[provider]}."
    return Ending(Revocation.UNSUPPORTED, words)


def key_pair(provider: Provider) -> Ending:
    """A key that a person made with the provider, and only a person can delete there."""
    words = f"{provider.title} offers no way to revoke a key: delete it in {provider.title}, Company Settings > API."
    return Ending(Revocation.UNSUPPORTED, words)


def revoked(provider: Provider) -> Ending:
    """The provider has ended it."""
    return Ending(Revocation.REVOKED, f"{provider.title} has ended the access that Callmine had.")


def ended_before(provider: Provider) -> Ending:
    """The provider knows of no such access any more, which is what was wanted."""
    return Ending(Revocation.REVOKED, f"{provider.title} had ended the access already.")


def in_use(provider: Provider) -> Ending:
    """Ending it would end the connected credential as well."""
    words = f"{provider.title} gave the same token again on reconnecting: it is in use, so it was not ended."
    return Ending(Revocation.UNSUPPORTED, words)


def given_up(provider: Provider) -> Ending:
    """It was tried for days."""
    words = f"{provider.title} has not confirmed it for days, and it is not tried any more: {BY_HAND[provider]}."
    return Ending(Revocation.FAILED, words)


def shredded(provider: Provider) -> Ending:
    """Nobody can read it any more, not even to have it revoked."""
    words = f"The workspace's keys were destroyed before {provider.title} had confirmed it: {BY_HAND[provider]}."
    return Ending(Revocation.FAILED, words)


def no_answer(provider: Provider) -> str:
    """What the page shows until the next attempt."""
    return f"{provider.title} has not confirmed it yet; it will be tried again."
