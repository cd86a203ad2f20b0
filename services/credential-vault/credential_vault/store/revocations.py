"""Credentials that were let go: kept until it is known what became of them."""

from __future__ import annotations

import uuid
from typing import Final

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.oauth import Revocation
from credential_vault.domain.revocations import Ending, Held, LetGo, Reason, RevocationLine
from database import Database, Row, Tx

# The columns of `credentials` that hold ciphertext.
FIELDS: Final = frozenset({"access_key", "secret", "access_token", "refresh_token"})


class Due(Struct, frozen=True):
    """A revocation whose time has come."""

    workspace_id: WorkspaceId
    id: uuid.UUID


async def add(
    tx: Tx, slot: Slot, reason: Reason, ending: Ending, access_token: bytes | None, refresh_token: bytes | None
) -> None:
    """Keep what was let go; an `ending` other than pending is over at once and has no tokens."""
    await tx.execute(
        "revocation_add",
        id=uuid.uuid4(),
        provider=slot.provider.value,
        credential_id=slot.credential_id,
        version=slot.version,
        access_token=access_token,
        refresh_token=refresh_token,
        reason=reason.value,
        state=ending.state.value,
        outcome=ending.outcome,
    )


async def due(db: Database, limit: int) -> list[Due]:
    """What is due in any workspace, longest due first."""
    async with db.sweep() as tx:
        rows = await tx.fetch("revocations_due", limit=limit)
    return [Due(WorkspaceId(row["workspace_id"]), row["id"]) for row in rows]


async def claim(tx: Tx, revocation_id: uuid.UUID, lease_seconds: float) -> LetGo | None:
    """Take a revocation that is due, for `lease_seconds`; None when it is over or somebody else has it."""
    row = await tx.fetch_one("revocation_claim", id=revocation_id, lease_seconds=lease_seconds)
    if row is None:
        return None
    return LetGo(row["id"], _held(tx, Provider(row["provider"]), row), row["attempts"], row["age_seconds"])


async def end(tx: Tx, revocation_id: uuid.UUID, ending: Ending) -> bool:
    """Record the outcome and forget the ciphertext; False when there was an outcome already."""
    ended = await tx.execute("revocation_end", id=revocation_id, state=ending.state.value, outcome=ending.outcome)
    return ended == 1


async def again(tx: Tx, let_go: LetGo, outcome: str, seconds: float) -> None:
    """Have it tried again in `seconds`, and say why."""
    await tx.execute("revocation_again", id=let_go.id, attempts=let_go.attempts, outcome=outcome, seconds=seconds)


async def latest_revocations(tx: Tx) -> list[RevocationLine]:
    """For the page: of each provider the revocation that is under way, or else the latest one. At most one a provider."""
    return [
        RevocationLine(
            **{
                **dict(row),
                "provider": Provider(row["provider"]),
                "state": Revocation(row["state"]),
                "reason": Reason(row["reason"]),
            }
        )
        for row in await tx.fetch("revocations_latest")
    ]


async def tokens_in_use(tx: Tx, provider: Provider) -> Held | None:
    """The tokens of the provider's connected credential; None when there are none."""
    row = await tx.fetch_one("tokens_in_use", provider=provider.value)
    return _held(tx, provider, row) if row else None


async def held(tx: Tx, provider: Provider) -> Held | None:
    """All that the provider's credential holds, locked until the transaction ends; None when it holds nothing."""
    row = await tx.fetch_one("credential_held", provider=provider.value)
    return _held(tx, provider, row) if row else None


def _held(tx: Tx, provider: Provider, row: Row) -> Held:
    slot = Slot(tx.workspace_id, provider, row["credential_id"], row["version"], "")
    return Held(slot, {name: bytes(value) for name, value in row.items() if name in FIELDS and value is not None})
