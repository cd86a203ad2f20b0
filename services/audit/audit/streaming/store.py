"""The streams' statements, as functions. `now` is the sender's clock."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from audit.streaming.grants import Grant, SealedGrant
from audit.streaming.stream import Attempt, Claim, Claimed, Last, State, Stream
from core.ids import WorkspaceId
from database import Tx


async def stream(tx: Tx) -> Stream | None:
    """The workspace's stream."""
    row = await tx.fetch_one("stream")
    if row is None:
        return None
    values = dict(row)
    at, status, reason, milliseconds = (
        values.pop(f"last_{name}") for name in ("at", "status", "reason", "milliseconds")
    )
    last = Last(at, status, reason, milliseconds) if at else None
    return Stream(**{**values, "state": State(values["state"]), "last": last})


async def locked(tx: Tx) -> Stream | None:
    """The workspace's stream, which stays as it is until the transaction ends."""
    await tx.fetch_one("stream_lock")
    return await stream(tx)


async def add(tx: Tx, url: str, next_index: int, now: datetime) -> bool:
    """Begin a stream; False where there is one."""
    return await tx.execute("stream_add", url=url, next_index=next_index, now=now) == 1


async def move(tx: Tx, url: str, version: int, now: datetime) -> bool:
    """Send to another address; False at another version."""
    return await tx.execute("stream_move", url=url, version=version, now=now) == 1


async def pause(tx: Tx, version: int) -> bool:
    """Send nothing more; False at another version."""
    return await tx.execute("stream_pause", version=version) == 1


async def resume(tx: Tx, version: int, now: datetime) -> bool:
    """Go on where it stopped; False at another version."""
    return await tx.execute("stream_resume", version=version, now=now) == 1


async def remove(tx: Tx, version: int) -> bool:
    """End the stream, and forget what it was signed with; False at another version."""
    removed = await tx.execute("stream_remove", version=version) == 1
    if removed:
        await tx.execute("stream_grant_forget")
    return removed


async def claim(tx: Tx, limit: int, seconds: float, now: datetime) -> list[Claim]:
    """Claim at most `limit` streams that have something to deliver, for `seconds`; `tx` is a sweep."""
    rows = await tx.fetch("streams_claim", limit=limit, seconds=seconds, now=now)
    return [Claim(WorkspaceId(row["workspace_id"]), row["fence"]) for row in rows]


async def claimed(tx: Tx, claim: Claim) -> Claimed | None:
    """What there is to deliver, locked until the transaction ends; None where the claim is lost."""
    row = await tx.fetch_one("stream_claimed", fence=claim.fence)
    return Claimed(**dict(row)) if row else None


async def begin(tx: Tx, claim: Claim, batch_end: int) -> None:
    """Decide where the batch ends."""
    await tx.execute("stream_batch", fence=claim.fence, batch_end=batch_end)


async def delivered(tx: Tx, claim: Claim, first: int, end: int, attempt: Attempt, now: datetime) -> bool:
    """Move behind a batch that was taken; False where the claim is lost."""
    moved = await tx.execute(
        "stream_delivered", fence=claim.fence, next_index=first, batch_end=end, now=now, **_told(attempt)
    )
    return moved == 1


async def failed(
    tx: Tx, claim: Claim, attempt: Attempt, due_at: datetime, now: datetime, *, over: bool
) -> tuple[State, int] | None:
    """Record a failure: the state and the version that follow; None where the claim is lost. With `over` it was the last attempt."""
    row = await tx.fetch_one("stream_failed", fence=claim.fence, due_at=due_at, now=now, over=over, **_told(attempt))
    return (State(row["state"]), row["version"]) if row else None


async def put_off(tx: Tx, claim: Claim, due_at: datetime, now: datetime) -> None:
    """Wait for something to sign with."""
    await tx.execute("stream_put_off", fence=claim.fence, due_at=due_at, now=now)


async def wake(tx: Tx, now: datetime) -> None:
    """There is something to sign with."""
    await tx.execute("stream_wake", now=now)


async def take_test(tx: Tx, seconds: float, now: datetime) -> bool:
    """Take the turn of a test event; False where one was sent within `seconds`."""
    return await tx.execute("stream_test", seconds=seconds, now=now) == 1


async def grant(tx: Tx) -> Grant:
    """What is known of the workspace's grant."""
    row = await tx.fetch_one("stream_grant")
    if row is None:
        return Grant()
    sealed = None
    if row["sealed"] is not None:
        sealed = SealedGrant(row["grant_id"], row["sealed"], row["sealing_key_id"], row["expires_at"])
    return Grant(sealed, row["asked_id"] is not None, row["denied"])


async def ask(tx: Tx, grant_id: uuid.UUID, patience: timedelta, now: datetime) -> bool:
    """Note that the vault is asked; False where it was within `patience`, and has not answered."""
    return await tx.execute("stream_grant_ask", id=grant_id, now=now, asked_before=now - patience) == 1


async def granted(tx: Tx, sealed: SealedGrant) -> bool:
    """Keep a grant; False where another one was asked for since."""
    kept = await tx.execute(
        "stream_grant_granted",
        id=sealed.grant_id,
        sealed=sealed.sealed,
        sealing_key_id=sealed.key_id,
        expires_at=sealed.expires_at,
    )
    return kept == 1


async def denied(tx: Tx, grant_id: uuid.UUID, reason: str) -> None:
    """There is nothing to sign with."""
    await tx.execute("stream_grant_denied", id=grant_id, reason=reason)


def _told(attempt: Attempt) -> dict[str, object]:
    return {"status": attempt.status, "reason": attempt.reason, "milliseconds": attempt.milliseconds}
