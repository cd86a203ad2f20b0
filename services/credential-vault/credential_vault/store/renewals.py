"""Statements of renewal, as functions: the credential's side, and the journal of attempts. All hold the credential's row locked."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, State
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Reply, Timing
from database import Database, Row, Tx

# Attempts are kept for so long after their end, for whoever asks what has happened.
KEPT_DAYS = 90


class Renewable(Struct, frozen=True):
    """A credential whose renewal is due and nobody's; the token is encrypted."""

    provider: Provider
    credential_id: uuid.UUID
    version: int
    base_url: str
    refresh_token: bytes


class Place(Struct, frozen=True):
    """What version and fence a credential has, and in which state it is."""

    credential_id: uuid.UUID
    version: int
    fence: int
    state: State


class Entry(Struct, frozen=True):
    """What the journal knows of an attempt."""

    version: int
    fence: int
    outcome: Outcome
    ended_at: datetime | None


class Watched(Struct, frozen=True):
    """For how many seconds an attempt without an end has been watched, and whether its provider may be asked again."""

    seconds: float
    may_ask: bool


async def claimable(tx: Tx, provider: Provider) -> Renewable | None:
    """The credential, locked, if its renewal is due and nobody's. None also when somebody has it locked."""
    row = await tx.fetch_one("renewal_claimable", provider=provider.value)
    if row is None:
        return None
    return Renewable(provider, row["credential_id"], row["version"], row["base_url"], bytes(row["refresh_token"]))


async def locked(tx: Tx, provider: Provider) -> Place | None:
    """The credential as it is now, locked; None where there is none."""
    row = await tx.fetch_one("renewal_lock", provider=provider.value)
    return Place(row["credential_id"], row["version"], row["fence"], State(row["state"])) if row else None


async def open_attempt(tx: Tx, found: Renewable) -> uuid.UUID | None:
    """The attempt on the credential's version that has no end yet."""
    row = await tx.fetch_one("renewal_open", **_version(found))
    return row["id"] if row else None


async def tries(tx: Tx, found: Renewable) -> int:
    """How many attempts were made on the credential's version."""
    value = await tx.fetch_value("renewal_tries", **_version(found))
    return int(str(value))


async def watch(tx: Tx, attempt_id: uuid.UUID, timing: Timing) -> Watched:
    """Look at an attempt without an end."""
    row = await tx.fetch_one("renewal_watch", id=attempt_id, gap=timing.watch_gap, ask_again=timing.ask_again)
    return _watched(row)


async def asked(tx: Tx, attempt_id: uuid.UUID) -> None:
    """Note that the provider is about to be asked."""
    await tx.execute("renewal_asked", id=attempt_id)


async def look_again(tx: Tx, provider: Provider, seconds: float) -> None:
    """Leave the credential alone for `seconds`."""
    await tx.execute("renewal_look_again", provider=provider.value, seconds=seconds)


async def start(tx: Tx, attempt: Attempt, found: Renewable, lease: float) -> None:
    """Raise the fence, take the lease, and write the attempt down."""
    fence = await tx.fetch_value("renewal_lease", provider=found.provider.value, seconds=lease)
    await tx.execute("renewal_start", id=attempt.id, fence=fence, **_version(found))


async def settled(tx: Tx, attempt_id: uuid.UUID) -> None:
    """Close an attempt whose end stays unknown."""
    await tx.execute("renewal_settled", id=attempt_id)


async def entry(tx: Tx, attempt: Attempt) -> Entry | None:
    """What the journal knows of an attempt; None for one that was never written down."""
    row = await tx.fetch_one("renewal_attempt", id=attempt.id)
    return Entry(row["version"], row["fence"], Outcome(row["outcome"]), row["ended_at"]) if row else None


async def answered(tx: Tx, attempt: Attempt, outcome: Outcome) -> None:
    """Note that an attempt received tokens, and forget what ended long ago."""
    await tx.execute("renewal_answered", id=attempt.id, outcome=outcome.value)
    await tx.execute("renewals_forget", provider=attempt.provider.value, days=KEPT_DAYS)


async def ended(tx: Tx, attempt: Attempt, outcome: Outcome) -> bool:
    """Write down how an attempt ended; False when it is not open."""
    return await tx.execute("renewal_ended", id=attempt.id, outcome=outcome.value) == 1


async def rotate(tx: Tx, claimed: Claimed, reply: Reply) -> bool:
    """Store a rotation in place of the claimed version; False when the credential has moved on."""
    changed = await tx.execute(
        "renewal_save",
        provider=claimed.attempt.provider.value,
        credential_id=claimed.credential_id,
        version=claimed.version,
        access_token=reply.access_token,
        refresh_token=reply.refresh_token,
        expires_in=reply.expires_in,
        renew_in=reply.renew_in,
        scopes=list(reply.scopes),
        base_url=reply.base_url,
    )
    return changed == 1


async def give_back(tx: Tx, provider: Provider, known: Entry, seconds: float) -> None:
    """End the lease of an attempt, unless another one has come after it; due again in `seconds`."""
    await tx.execute(
        "renewal_give_back", provider=provider.value, version=known.version, fence=known.fence, seconds=seconds
    )


async def refuse(tx: Tx, provider: Provider, known: Entry, ending: Ending) -> bool:
    """The credential has to be reconnected, unless another attempt or version has come after this one."""
    changed = await tx.execute(
        "renewal_refuse", provider=provider.value, version=known.version, fence=known.fence, reason=ending.reason
    )
    return changed == 1


async def due(db: Database, providers: Sequence[Provider], limit: int) -> list[tuple[WorkspaceId, Provider]]:
    """Credentials of any workspace whose renewal is due, longest due first."""
    async with db.sweep() as tx:
        rows = await tx.fetch("renewals_due", providers=[provider.value for provider in providers], limit=limit)
    return [(WorkspaceId(row["workspace_id"]), Provider(row["provider"])) for row in rows]


def _version(found: Renewable) -> dict[str, object]:
    return {"provider": found.provider.value, "credential_id": found.credential_id, "version": found.version}


def _watched(row: Row | None) -> Watched:
    assert row is not None, "it was found open under the credential's lock"  # noqa: S101
    return Watched(row["seconds"], row["may_ask"])
