"""Which handler takes which message, by topic."""

from __future__ import annotations

from ingest import events, handlers
from ingest.handlers.api_keys import note_used
from messaging import Routes


def fetches(fetch: handlers.FetchHandlers) -> Routes:
    """What analysis asks for."""
    routes = Routes()
    routes.on(events.FetchRequested, fetch.fetch_requested)
    routes.on(events.PreviewRequested, fetch.preview_requested)
    routes.on(events.FetchCancelled, fetch.fetch_cancelled)
    return routes


def grants(credentials: handlers.CredentialHandlers) -> Routes:
    """What the vault answers."""
    routes = Routes()
    routes.on(events.CredentialGranted, credentials.credential_granted)
    routes.on(events.CredentialDenied, credentials.credential_denied)
    return routes


def integrations() -> Routes:
    """What the vault tells of integrations."""
    routes = Routes()
    routes.on(events.IntegrationConnected, handlers.note_connected)
    routes.on(events.IntegrationDisconnected, handlers.note_disconnected)
    routes.on(events.IntegrationNeedsReconnect, handlers.note_needs_reconnect)
    return routes


def reports() -> Routes:
    """How analysis' runs end; CallAnalysed is acknowledged unread."""
    routes = Routes()
    routes.on(events.ReportCompleted, handlers.note_completed)
    routes.on(events.RunFailed, handlers.note_failed)
    routes.on(events.RunCancelled, handlers.note_cancelled)
    return routes


def key_uses() -> Routes:
    """What the other services tell of API keys in use."""
    routes = Routes()
    routes.on(events.ApiKeyUsed, note_used)
    return routes
