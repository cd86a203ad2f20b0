"""Renewal of credentials: how long each step may take, what a claim hands over, what is written down afterwards. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Outcome

# How long after the claim began the request may still be written. Connecting takes well under a second: who took longer has stalled.
SEND_WITHIN: Final = 10.0

# The time-out of the one call, counted from when it is written. Token endpoints answer within a second or two.
CALL_SECONDS: Final = 30.0

# An access token is renewed when so much of its life is over, less a random share: what was connected together is not renewed together.
EARLY: Final = 0.8
JITTER: Final = 0.05


class Timing(Struct, frozen=True):
    """What the store holds back, and for how long, in seconds.

    lease         nobody else touches the attempt. It covers SEND_WITHIN and CALL_SECONDS, a process that is stopped for a minute between
                  looking at its clock and writing, and two minutes in which the provider may still carry out what it has received
    watch_every   how often an attempt without an end is looked at, once its lease is over
    watch_gap     a longer time between two looks means that the database was away: whoever holds a reply could not save it either, so
                  the waiting begins anew
    settle_after  so long an attempt is watched without a gap before a last call is made with its token. Whoever received the reply has
                  saved it by then: it tries every few seconds, and no stall lasts minutes
    ask_again     how often a provider that can tell is asked about the token meanwhile
    """

    lease: float = 240.0
    watch_every: float = 20.0
    watch_gap: float = 60.0
    settle_after: float = 600.0
    ask_again: float = 120.0


class Attempt(Struct, frozen=True):
    """One attempt to renew a credential; its id is chosen before anything is written, so that it can be taken back."""

    id: uuid.UUID
    workspace_id: WorkspaceId
    provider: Provider


@dataclass(frozen=True, slots=True)
class Claimed:
    """A credential whose renewal is ours, still encrypted; `data_key` is wrapped.

    `asks` says that an earlier attempt (`attempt` is that one) has no end and the provider is to be asked about its token, not called;
    `ripe` that it has been watched for long enough to be settled. `tries` counts earlier attempts on this version.
    """

    attempt: Attempt
    credential_id: uuid.UUID
    version: int
    base_url: str
    tries: int
    data_key: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    asks: bool = False
    ripe: bool = False

    def slot(self, name: str, version: int) -> Slot:
        """Where a ciphertext of the credential belongs."""
        return Slot(self.attempt.workspace_id, self.attempt.provider, self.credential_id, version, name)


@dataclass(frozen=True, slots=True)
class Reply:
    """A rotation as it was received, encrypted with `data_key` (wrapped) for the claimed version's successor.

    `expires_in` and `renew_in` are seconds from now, None for a token without end. Empty `scopes` and `base_url` change nothing.
    """

    data_key: bytes = field(repr=False)
    access_token: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    expires_in: float | None = None
    renew_in: float | None = None
    scopes: tuple[str, ...] = ()
    base_url: str = ""

    def after(self, seconds: float) -> Reply:
        """The same reply, so many seconds older."""
        if self.expires_in is None or self.renew_in is None:
            return self
        return replace(self, expires_in=self.expires_in - seconds, renew_in=self.renew_in - seconds)

    def fields(self) -> Iterator[tuple[str, bytes]]:
        """Each ciphertext with the name of its field."""
        yield "access_token", self.access_token
        yield "refresh_token", self.refresh_token


class Ending(Struct, frozen=True):
    """How an attempt ended that received no tokens. `again_in` is in seconds; `reason` is shown to people, where it was refused."""

    outcome: Outcome
    again_in: float = 0.0
    reason: str = ""
