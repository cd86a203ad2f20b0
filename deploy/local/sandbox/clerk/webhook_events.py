"""The webhook bodies Clerk sends about organisations and memberships.

Times and ids follow from who and what the event is about, so that sending the same event again sends the same message:
a receiver that keys on ``svix-id`` sees a duplicate, as with Clerk.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from local.sandbox.clerk.people import ORGANIZATIONS, PEOPLE, Organization, Person, Role

EventType = Literal[
    "organization.created",
    "organization.updated",
    "organization.deleted",
    "organizationMembership.created",
    "organizationMembership.updated",
    "organizationMembership.deleted",
]

FOUNDED_MS = 1_767_225_600_000
"""When the organisations were made: 2026-01-01 UTC, in milliseconds like all of Clerk's times in ``data``."""
INSTANCE = "ins_sandbox0001"
_PICTURE = "https://img.clerk.example/default"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message to deliver: the id that stays the same on every attempt, and the exact bytes that get signed."""

    message_id: str
    body: str


def opening_events() -> list[WebhookMessage]:
    """All that a new application has to hear: each organisation, then each membership."""
    organizations = [organization_event("organization.created", organization) for organization in ORGANIZATIONS]
    memberships = [
        membership_event("organizationMembership.created", person, organization, role)
        for organization in ORGANIZATIONS
        for person in PEOPLE
        if (role := person.role_in(organization.organization_id))
    ]
    return organizations + memberships


def organization_event(kind: EventType, organization: Organization, at_ms: int = FOUNDED_MS) -> WebhookMessage:
    """An event about an organisation; ``at_ms`` is when it happened."""
    data = _organization(organization, at_ms)
    if kind.endswith("deleted"):
        data = {"object": "organization", "id": organization.organization_id, "deleted": True}
    return _message(kind, data, at_ms)


def membership_event(
    kind: EventType, person: Person, organization: Organization, role: Role, at_ms: int = FOUNDED_MS
) -> WebhookMessage:
    """An event about somebody's membership; ``at_ms`` is when it happened."""
    membership_id = f"orgmem_{_digest(person.user_id, organization.organization_id)}"
    return _message(kind, _membership(membership_id, person, organization, role, at_ms), at_ms)


def _membership(
    membership_id: str, person: Person, organization: Organization, role: Role, at_ms: int
) -> dict[str, object]:
    return {
        "object": "organization_membership",
        "id": membership_id,
        "role": role.prefixed,
        "role_name": role.value.capitalize(),
        "permissions": [],
        "public_metadata": {},
        "private_metadata": {},
        "organization": _organization(organization, FOUNDED_MS),
        "public_user_data": {
            "user_id": person.user_id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "profile_image_url": _PICTURE,
            "image_url": _PICTURE,
            "has_image": False,
            "identifier": person.email,
        },
        "created_at": FOUNDED_MS,
        "updated_at": at_ms,
    }


def _organization(organization: Organization, at_ms: int) -> dict[str, object]:
    members = [person for person in PEOPLE if person.role_in(organization.organization_id)]
    founder = next(person for person in members if person.role_in(organization.organization_id) is Role.ADMIN)
    return {
        "object": "organization",
        "id": organization.organization_id,
        "name": organization.name,
        "slug": organization.slug,
        "image_url": _PICTURE,
        "has_image": False,
        "members_count": len(members),
        "missing_member_with_elevated_permissions": False,
        "pending_invitations_count": 0,
        "max_allowed_memberships": 100,
        "admin_delete_enabled": True,
        "public_metadata": {},
        "private_metadata": {},
        "created_by": founder.user_id,
        "created_at": FOUNDED_MS,
        "updated_at": at_ms,
    }


def _message(kind: EventType, data: dict[str, object], at_ms: int) -> WebhookMessage:
    body = {
        "object": "event",
        "type": kind,
        "data": data,
        "instance_id": INSTANCE,
        "timestamp": at_ms,
        "event_attributes": {"http_request": {"client_ip": "192.0.2.1", "user_agent": "sandbox"}},
    }
    return WebhookMessage(f"msg_{_digest(kind, str(data['id']), str(at_ms))}", json.dumps(body, separators=(",", ":")))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:27]
