"""What ingest does when something happens: each takes an open transaction and leaves effects and outbox rows in it."""

from ingest.handlers.administering import Admin, Administering
from ingest.handlers.billing import BillingHandlers
from ingest.handlers.credentials import CredentialHandlers
from ingest.handlers.fetches import FetchHandlers
from ingest.handlers.integrations import note_connected, note_disconnected, note_needs_reconnect
from ingest.handlers.reports import note_cancelled, note_completed, note_failed
from ingest.handlers.revocations import RevocationHandlers
from ingest.handlers.webhooks import ClerkHandlers

__all__ = [
    "Admin",
    "Administering",
    "BillingHandlers",
    "ClerkHandlers",
    "CredentialHandlers",
    "FetchHandlers",
    "RevocationHandlers",
    "note_cancelled",
    "note_completed",
    "note_connected",
    "note_disconnected",
    "note_failed",
    "note_needs_reconnect",
]
