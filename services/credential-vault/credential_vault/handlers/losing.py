"""A credential that its provider does not accept any more, or is said not to. Runs inside the transaction it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from credential_vault.domain.credentials import Provider, Slot
from credential_vault.store import checks as store
from database import Tx

TellLoss = Callable[[Tx, Slot, str], Awaitable[None]]
"""Tells the other services and the audit log, if and when the transaction commits, that a credential is of no use, and why."""


async def lose(tx: Tx, tell: TellLoss, slot: Slot, reason: str) -> bool:
    """Have a person reconnect; False, and nobody is told, when the slot's version is not connected any more.

    `reason` is fit for the page and for the audit log.
    """
    if not await store.lost(tx, slot, reason):
        return False
    await tell(tx, slot, reason)
    return True


async def look_soon(tx: Tx, provider: Provider, version: int) -> None:
    """Somebody has reason to think that its provider refuses this version: the vault asks for itself, as soon as it may.

    At once, unless the provider was asked within the last minute, or has asked to be left alone. Nothing happens for a version that is
    not the connected one.
    """
    await store.soon(tx, provider, version)
