"""What the vault says of integrations, kept for the operators' and the settings pages' view; the vault remains the authority."""

from __future__ import annotations

from contracts import Event
from database import Tx
from ingest import events
from ingest.store import listings, run_pages
from ingest.store.workspaces import Integration, save_integration


async def note_connected(tx: Tx, event: Event[events.IntegrationConnected]) -> None:
    """A credential was connected, or replaced."""
    told = event.payload
    provider = events.provider_name(told.provider)
    await save_integration(
        tx,
        Integration(provider, "connected", told.credential_version, told.base_url, event.sequence, told.account_id),
    )
    if provider == "gong":
        await run_pages.forget_all(tx)


async def note_disconnected(tx: Tx, event: Event[events.IntegrationDisconnected]) -> None:
    """A credential was taken away."""
    told = event.payload
    provider = events.provider_name(told.provider)
    await save_integration(tx, Integration(provider, "disconnected", told.credential_version, "", event.sequence))
    if provider == "gong":
        await listings.forget(tx)
        await run_pages.forget_all(tx)


async def note_needs_reconnect(tx: Tx, event: Event[events.IntegrationNeedsReconnect]) -> None:
    """A credential no longer works."""
    told = event.payload
    provider = events.provider_name(told.provider)
    await save_integration(tx, Integration(provider, "needs_reconnect", told.credential_version, "", event.sequence))
