"""Slack's credential as the vault grants it, sealed, for one piece of work each."""

from __future__ import annotations

import enum

from analysis.domain.deliveries import Granted
from analysis.domain.notices import Denial, GrantId, SealedGrant
from database import Row, Tx


class GrantState(enum.StrEnum):
    """asked -> granted -> over; denied where there is no credential."""

    ASKED = "asked"
    GRANTED = "granted"
    DENIED = "denied"
    OVER = "over"


async def ask(tx: Tx, grant_id: GrantId) -> None:
    """Remember that the vault is asked."""
    await tx.execute("slack_grant_insert", id=grant_id)


async def state(tx: Tx, grant_id: GrantId) -> GrantState | None:
    """What is known of a grant, locked until the transaction ends; None for one that something else has asked for."""
    row = await tx.fetch_one("slack_grant_state", id=grant_id)
    return GrantState(row["state"]) if row else None


async def grant(tx: Tx, sealed: SealedGrant) -> None:
    """The credential has come."""
    await tx.execute(
        "slack_grant_granted",
        id=sealed.grant_id,
        sealed=sealed.sealed,
        sealing_key_id=sealed.key_id,
        expires_at=sealed.expires_at,
        credential_version=sealed.credential_version,
    )


async def deny(tx: Tx, grant_id: GrantId, denial: Denial) -> None:
    """There is no credential."""
    await tx.execute("slack_grant_denied", id=grant_id, reason=denial.value)


async def end(tx: Tx, grant_id: GrantId) -> None:
    """Wipe it: what it was for has ended, or it is not to be used again."""
    await tx.execute("slack_grant_over", id=grant_id)


def granted_of(row: Row) -> Granted:
    """The grant in a row of claimed work."""
    sealed = None
    if row["grant_state"] == GrantState.GRANTED.value:
        sealed = SealedGrant(
            grant_id=GrantId(row["grant_id"]),
            sealed=row["sealed"],
            key_id=row["sealing_key_id"],
            expires_at=row["expires_at"],
            credential_version=row["credential_version"],
        )
    return Granted(GrantId(row["grant_id"]), sealed, row["grant_reason"], row["grant_expired"])
