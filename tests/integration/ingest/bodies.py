"""Bodies as the senders write them, about Harborline unless said otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping

from integration.ingest.harness import HARBOR
from integration.ingest.post import NOW, PORTAL, TEAM

CREATED = int(NOW.timestamp())


def packed(content: object) -> bytes:
    """JSON, spaced as no serializer of ours does it: only the raw bytes are signed."""
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def organisation(name: str = "Harborline", at: int = CREATED * 1000) -> bytes:
    """Clerk: an organisation."""
    data = {"object": "organization", "id": HARBOR, "name": name, "slug": "harborline", "updated_at": at}
    return packed({"object": "event", "type": "organization.updated", "data": data, "timestamp": 1})


def stripe_body(kind: str, about: Mapping[str, object], event_id: str = "evt_1", created: int = CREATED) -> bytes:
    """Stripe: an event around its object."""
    return packed(
        {
            "id": event_id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": created,
            "livemode": True,
            "type": kind,
            "data": {"object": dict(about)},
            "pending_webhooks": 1,
            "request": None,
        }
    )


def checkout(event_id: str = "evt_1", **changes: object) -> bytes:
    """Stripe: somebody has paid, with a card that ends in 4242."""
    about = {
        "id": "cs_1",
        "object": "checkout.session",
        "client_reference_id": HARBOR,
        "customer": "cus_1",
        "customer_details": {"email": "dana@harborline.example", "name": "Dana"},
        "mode": "subscription",
        "payment_method_details": {"card": {"last4": "4242"}},
        "payment_status": "paid",
        "subscription": "sub_1",
    }
    return stripe_body("checkout.session.completed", about | changes, event_id)


def subscription(event_id: str = "evt_2", status: str = "active", created: int = CREATED, **changes: object) -> bytes:
    """Stripe: a subscription has changed. Its metadata name no workspace."""
    about = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status, "metadata": {}}
    return stripe_body("customer.subscription.updated", about | changes, event_id, created)


def call(call_id: str = "7782342274025937895", **changes: object) -> bytes:
    """Gong: a rule has found a call."""
    meta = {"id": call_id, "title": "Acme / Demo", "started": "2026-11-23T10:00:00-08:00", "duration": 1800}
    return packed({"callData": {"metaData": meta, "parties": []}, "isTest": False, **changes})


def farewell(event_id: int = 1, portal: int = PORTAL, at: int = CREATED * 1000) -> dict[str, object]:
    """HubSpot: one event, of an account that took the app away."""
    return {
        "eventId": event_id,
        "subscriptionId": 77,
        "portalId": portal,
        "appId": 54321,
        "occurredAt": at,
        "subscriptionType": "APP_LIFECYCLE_EVENT",
        "eventTypeId": "4-1916193",
        "attemptNumber": 0,
    }


def slack_body(event: Mapping[str, object], event_id: str = "Ev1", team: str = TEAM) -> bytes:
    """Slack: an event of a team."""
    return packed(
        {
            "token": "old-verification-token",
            "team_id": team,
            "api_app_id": "A1",
            "type": "event_callback",
            "event": dict(event),
            "event_id": event_id,
            "event_time": CREATED,
        }
    )


UNINSTALLED: Mapping[str, object] = {"type": "app_uninstalled"}
REVOKED: Mapping[str, object] = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["U2"]}}
