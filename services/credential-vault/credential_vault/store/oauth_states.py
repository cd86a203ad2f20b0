"""Consents that were asked for and not answered yet. A row knows its state by SHA-256 only."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from credential_vault.domain.credentials import Provider, Slot
from database import Database, Tx

# A person who tries again and again keeps this many at most; older ones are forgotten.
KEPT = 20


@dataclass(frozen=True, slots=True)
class Pending:
    """A consent under way; `verifier` is encrypted for `slot`, None without PKCE."""

    id: uuid.UUID
    provider: Provider
    session_id: str
    user_id: str
    verifier: bytes | None = field(repr=False)

    def slot(self, tx: Tx) -> Slot:
        """Where the verifier belongs: a consent has an id of its own, and one version."""
        return Slot(tx.workspace_id, self.provider, self.id, 1, "code_verifier")


async def add(tx: Tx, digest: bytes, pending: Pending, seconds: float) -> None:
    """Keep a consent for so many seconds, and forget the workspace's old ones."""
    await tx.execute("oauth_states_forget", kept=KEPT - 1)
    await tx.execute(
        "oauth_state_add",
        digest=digest,
        id=pending.id,
        provider=pending.provider.value,
        session_id=pending.session_id,
        user_id=pending.user_id,
        verifier=pending.verifier,
        seconds=seconds,
    )


async def take(tx: Tx, digest: bytes) -> Pending | None:
    """The consent of a state, which is gone with that; None when there is none, or its time is over."""
    row = await tx.fetch_one("oauth_state_take", digest=digest)
    if row is None or not row["in_time"]:
        return None
    verifier = None if row["verifier"] is None else bytes(row["verifier"])
    return Pending(row["id"], Provider(row["provider"]), row["session_id"], row["user_id"], verifier)


async def forget_expired(db: Database) -> int:
    """Forget what nobody came back for, in any workspace; how many that were."""
    async with db.sweep() as tx:
        return await tx.execute("oauth_states_expired")
