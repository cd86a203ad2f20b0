"""The webhook bodies Clerk sends about organisations, memberships and invitations.

Times and ids follow from who and what the event is about, so that sending the same event again sends the same message:
a receiver that keys on ``svix-id`` sees a duplicate, as with Clerk.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from local.sandbox.clerk.directory import Directory, Invitation, Membership
from local.sandbox.clerk.people import Organization
from local.sandbox.clerk.records import invitation_record, membership_record, organization_record

EventType = Literal[
    "organization.created",
    "organization.updated",
    "organization.deleted",
    "organizationMembership.created",
    "organizationMembership.updated",
    "organizationMembership.deleted",
]
InvitationEvent = Literal[
    "organizationInvitation.created", "organizationInvitation.accepted", "organizationInvitation.revoked"
]

INSTANCE = "ins_sandbox0001"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message to deliver: the id that stays the same on every attempt, and the exact bytes that get signed."""

    message_id: str
    body: str


def opening_events(directory: Directory) -> list[WebhookMessage]:
    """All that a new application has to hear: each organisation, then each membership."""
    organizations = directory.organizations()
    told = [
        organization_event("organization.created", directory, each, directory.changed_ms(each))
        for each in organizations
    ]
    return told + [
        membership_event("organizationMembership.created", directory, one, one.updated_ms)
        for each in organizations
        for one in directory.memberships(each)
    ]


def organization_event(kind: EventType, directory: Directory, organization: Organization, at_ms: int) -> WebhookMessage:
    """An event about an organisation; ``at_ms`` is when it happened."""
    data = organization_record(directory, organization) | {"updated_at": at_ms}
    if kind.endswith("deleted"):
        data = {"object": "organization", "id": organization.organization_id, "deleted": True}
    return _message(kind, data, at_ms)


def membership_event(kind: EventType, directory: Directory, membership: Membership, at_ms: int) -> WebhookMessage:
    """An event about somebody's membership; ``at_ms`` is when it happened. One that ends repeats the last ``updated_at``."""
    return _message(kind, membership_record(directory, membership), at_ms)


def invitation_event(kind: InvitationEvent, invitation: Invitation, user_id: str = "") -> WebhookMessage:
    """An event about an invitation; ``user_id`` is who accepted it."""
    data = invitation_record(invitation)
    if user_id:
        data["user_id"] = user_id
    return _message(kind, data, invitation.updated_ms)


def _message(kind: str, data: dict[str, object], at_ms: int) -> WebhookMessage:
    body = {
        "object": "event",
        "type": kind,
        "data": data,
        "instance_id": INSTANCE,
        "timestamp": at_ms,
        "event_attributes": {"http_request": {"client_ip": "192.0.2.1", "user_agent": "sandbox"}},
    }
    message_id = f"msg_{digest(kind, str(data['id']), str(at_ms))}"
    return WebhookMessage(message_id, json.dumps(body, separators=(",", ":")))


def digest(*parts: str) -> str:
    """An id's worth of letters that follow from ``parts``."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:27]
