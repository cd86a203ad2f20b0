"""Erasing a whole workspace from the vault. Runs inside the transaction it is given; `workers.erasures` does the rest.

    erase (one transaction): credentials forgotten, revocations queued
    then: each revocation comes to its outcome, by the worker that revokes
    then: the data key is destroyed, at the latest at the deadline: what backups and old messages hold is unreadable from there on

The data key outlives the credentials for that long because a token can only be revoked by whoever can read it.
"""

from __future__ import annotations

from datetime import timedelta

from credential_vault.domain.connections import Disconnected
from credential_vault.domain.credentials import State
from credential_vault.domain.revocations import Reason
from credential_vault.handlers.revoking import let_go_present
from credential_vault.store import erasures as store
from database import Tx

# How long a provider may take to confirm that it has ended a token. Callmine erases within seven business days of being asked; this leaves
# more than half of them for the rest.
DEADLINE = timedelta(days=3)

# How long the key is kept at least: a renewal that is under way hands in what it receives within ten minutes (handlers/renewing.py).
GRACE = timedelta(minutes=15)

_HELD = frozenset({State.CONNECTED, State.NEEDS_RECONNECT})


async def erase(tx: Tx) -> list[Disconnected]:
    """Erase the workspace: what was disconnected by it, to be announced in the same transaction. Twice is as good as once."""
    await store.ask(tx, GRACE, DEADLINE)
    return await forget(tx)


async def forget(tx: Tx) -> list[Disconnected]:
    """Let go of every credential and forget it."""
    for provider in await store.present(tx):
        await let_go_present(tx, provider, Reason.ERASED)
    changed = [Disconnected(*one) for one in await store.forget(tx)]
    return [one for one in changed if one.before in _HELD]
