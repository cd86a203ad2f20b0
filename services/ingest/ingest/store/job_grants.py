"""The optional grants of jobs: asked for beside the one that a job cannot do without."""

from __future__ import annotations

import enum

from msgspec import Struct

from database import Tx
from ingest.domain.jobs import GrantId, JobId, SealedGrant

# A grant lasts for minutes and is needed while calls are listed: whoever has used up so many gets nowhere with them.
MOST_ASKS = 10


class GrantState(enum.StrEnum):
    """What has become of a grant that was asked for."""

    ASKED = "asked"
    HELD = "held"
    DENIED = "denied"


class OptionalGrant(Struct, frozen=True):
    """A job's grant as it stands. `grant` is there once it is held; `is_over` by the database's clock; `reason` where it was denied.

    `refused_version` is the version of the credential that the provider has refused in this job; None for none.
    """

    state: GrantState
    grant: SealedGrant | None
    is_over: bool
    reason: str
    asked_seconds: float
    refused_version: int | None = None


async def ask(tx: Tx, job_id: JobId, provider: str, grant_id: GrantId) -> bool:
    """Note that a grant is asked for, instead of any before; False, and nothing noted, where the provider is not connected, or where
    MOST_ASKS grants have been of no use.
    """
    asked = {"job_id": job_id, "provider": provider, "grant_id": grant_id, "most_asks": MOST_ASKS}
    return await tx.execute("job_grant_ask", **asked) == 1


async def refuse(tx: Tx, job_id: JobId, provider: str, version: int) -> None:
    """The provider has refused this version: the grant is over."""
    await tx.execute("job_grant_refused", job_id=job_id, provider=provider, version=version)


async def give_up(tx: Tx, job_id: JobId, provider: str, reason: str) -> None:
    """The job does without, for a reason in words fit for the page."""
    await tx.execute("job_grant_given_up", job_id=job_id, provider=provider, reason=reason)


async def hold(tx: Tx, sealed: SealedGrant) -> bool:
    """The grant has come; False when nobody waits for it any more."""
    changed = await tx.execute(
        "job_grant_held",
        grant_id=sealed.grant_id,
        sealed=sealed.sealed,
        sealing_key_id=sealed.key_id,
        expires_at=sealed.expires_at,
        credential_version=sealed.credential_version,
    )
    return changed == 1


async def deny(tx: Tx, grant_id: GrantId, reason: str) -> bool:
    """The grant was refused, in words fit for the page; False when nobody waits for it any more."""
    return await tx.execute("job_grant_denied", grant_id=grant_id, reason=reason) == 1


async def of_job(tx: Tx, job_id: JobId, provider: str, margin_seconds: float) -> OptionalGrant | None:
    """The job's grant for `provider`, over `margin_seconds` early; None where none was asked for."""
    row = await tx.fetch_one("job_grant_of", job_id=job_id, provider=provider, margin_seconds=margin_seconds)
    if row is None:
        return None
    state = GrantState(row["state"])
    grant = None
    if state is GrantState.HELD:
        grant = SealedGrant(
            GrantId(row["grant_id"]), row["sealed"], row["sealing_key_id"], row["expires_at"], row["credential_version"]
        )
    return OptionalGrant(
        state, grant, bool(row["is_over"]), row["reason"], row["asked_seconds"], row["refused_version"]
    )


async def forget(tx: Tx, job_id: JobId) -> None:
    """The job has ended: nothing of its grants is kept."""
    await tx.execute("job_grants_forget", job_id=job_id)
