"""Whether providers still accept the credentials: when each is asked about next, and what is noted of the answer."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.domain.revocations import Held
from database import Database, Row, Tx


class Due(Struct, frozen=True):
    """A credential that is to be asked about."""

    workspace_id: WorkspaceId
    provider: Provider


class Check(Struct, frozen=True):
    """A credential as it was when its check was claimed, encrypted still.

    `claimed_until`: when others may make it. `being_renewed`: a renewal is due or under way, so that its access token says nothing.
    `refused_for`: since how many seconds its provider has been refusing it, None when it has not.
    """

    held: Held
    fence: int
    claimed_until: datetime
    base_url: str
    renewable: bool
    being_renewed: bool
    refused_for: float | None

    @property
    def provider(self) -> Provider:
        """Whose it is."""
        return self.held.slot.provider

    @property
    def version(self) -> int:
        """Its version."""
        return self.held.slot.version


async def due(db: Database, limit: int) -> list[Due]:
    """What is due in any workspace, longest due first."""
    async with db.sweep() as tx:
        rows = await tx.fetch("checks_due", limit=limit)
    return [Due(WorkspaceId(row["workspace_id"]), Provider(row["provider"])) for row in rows]


async def claim(tx: Tx, provider: Provider, lease_seconds: float, quiet_seconds: float) -> Check | None:
    """Take a check that is due, for `lease_seconds`; None when somebody else has it, or nothing is connected any more.

    Nobody brings another check of it forward to less than `quiet_seconds` from now.
    """
    row = await tx.fetch_one(
        "check_claim", provider=provider.value, lease_seconds=lease_seconds, quiet_seconds=quiet_seconds
    )
    return _check(tx, provider, row) if row else None


async def soon(tx: Tx, provider: Provider, version: int) -> None:
    """Have this version looked at as soon as it may be; nothing happens when it is not the connected one."""
    await tx.execute("check_soon", provider=provider.value, version=version)


async def again(tx: Tx, check: Check, seconds: float, quiet_seconds: float = 0.0) -> None:
    """Have it looked at in `seconds`, which nobody may bring forward to less than `quiet_seconds`."""
    await tx.execute(
        "check_again",
        provider=check.provider.value,
        version=check.version,
        seconds=seconds,
        quiet_seconds=quiet_seconds,
    )


async def passed(tx: Tx, check: Check, seconds: float) -> None:
    """The provider accepts it; the next check is in `seconds`, or when it was asked for since this one was claimed."""
    await tx.execute(
        "check_passed",
        provider=check.provider.value,
        version=check.version,
        claimed_until=check.claimed_until,
        seconds=seconds,
    )


async def refused(tx: Tx, check: Check, seconds: float) -> None:
    """The provider has refused it, which has yet to be seen again; it is asked again in `seconds`."""
    await tx.execute("check_refused", provider=check.provider.value, version=check.version, seconds=seconds)


async def renew_soon(tx: Tx, check: Check, seconds: float) -> None:
    """Have it renewed now, and looked at again in `seconds`, unless it has been renewed since it was claimed."""
    await tx.execute(
        "renew_soon", provider=check.provider.value, version=check.version, fence=check.fence, seconds=seconds
    )


async def lost(tx: Tx, slot: Slot, reason: str) -> bool:
    """It needs reconnecting, for a `reason` fit for the page; False when the slot's version is not connected any more."""
    changed = await tx.execute("credential_lost", provider=slot.provider.value, version=slot.version, reason=reason)
    return changed == 1


def _check(tx: Tx, provider: Provider, row: Row) -> Check:
    slot = Slot(tx.workspace_id, provider, row["credential_id"], row["version"], "")
    fields = {name: bytes(row[name]) for name in ("access_key", "secret", "access_token") if row[name] is not None}
    return Check(
        held=Held(slot, fields),
        fence=row["fence"],
        claimed_until=row["check_at"],
        base_url=row["base_url"],
        renewable=row["renewable"],
        being_renewed=row["being_renewed"],
        refused_for=row["refused_for"],
    )
