"""Erasures of whole workspaces: asked for, under way, over."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, State
from database import Database, Tx


async def ask(tx: Tx, grace: timedelta, deadline: timedelta) -> None:
    """Begin an erasure: it waits so long for what is under way, and no longer than `deadline` for revocations.

    One that has begun keeps its times.
    """
    await tx.execute("erasure_ask", grace_seconds=grace.total_seconds(), deadline_seconds=deadline.total_seconds())


async def shredded_for(tx: Tx, since: datetime) -> bool:
    """Whether the data key was destroyed since an erasure was asked for."""
    return bool(await tx.fetch_value("erasure_over", since=since))


async def outcomes(tx: Tx) -> dict[str, str]:
    """How access was ended, by provider: a state, and in words what the provider said where there are any."""
    rows = await tx.fetch("revocations_outcomes")
    return {row["provider"]: f"{row['state']}: {row['outcome']}".rstrip(": ") for row in rows}


async def present(tx: Tx) -> list[Provider]:
    """The providers whose credential holds something."""
    return [Provider(row["provider"]) for row in await tx.fetch("credentials_present")]


async def forget(tx: Tx) -> list[tuple[Provider, int, State]]:
    """Forget every credential: its provider, its new version, the state it had."""
    return [
        (Provider(row["provider"]), row["version"], State(row["before"]))
        for row in await tx.fetch("credentials_forget")
    ]


async def due(db: Database, limit: int) -> list[WorkspaceId]:
    """Workspaces whose erasure is to be looked at."""
    async with db.sweep() as tx:
        return [WorkspaceId(row["workspace_id"]) for row in await tx.fetch("erasures_due", limit=limit)]


async def claim(tx: Tx, seconds: float) -> bool | None:
    """Take an erasure that is due, others may look at it in `seconds`: whether its deadline is over. None when somebody else has it."""
    row = await tx.fetch_one("erasure_claim", seconds=seconds)
    return bool(row["overdue"]) if row else None


async def any_pending(tx: Tx) -> bool:
    """Whether any revocation has no outcome yet."""
    return bool(await tx.fetch_value("revocations_pending"))


async def cut_off(tx: Tx, outcome: str) -> int:
    """End what has not been revoked; how many there were."""
    return await tx.execute("revocations_cut_off", outcome=outcome)


async def end(tx: Tx) -> None:
    """The data key is destroyed."""
    await tx.execute("erasure_end")
