"""Organisations, memberships and invitations as Clerk writes them, in answers and in webhooks alike."""

from __future__ import annotations

import hashlib

from local.sandbox.clerk.directory import FOUNDED_MS, INVITATION_MS, Directory, Invitation, Membership
from local.sandbox.clerk.people import Organization, Person, Role

_PICTURE = "https://img.clerk.example/default"


def organization_record(directory: Directory, organization: Organization) -> dict[str, object]:
    """An ``Organization``."""
    members = list(directory.memberships(organization))
    admins = [one.person for one in members if one.role is Role.ADMIN]
    pending = [one for one in directory.invitations(organization) if one.status == "pending"]
    return {
        "object": "organization",
        "id": organization.organization_id,
        "name": organization.name,
        "slug": organization.slug,
        "image_url": _PICTURE,
        "has_image": False,
        "members_count": len(members),
        "missing_member_with_elevated_permissions": False,
        "pending_invitations_count": len(pending),
        "max_allowed_memberships": 100,
        "admin_delete_enabled": True,
        "public_metadata": {},
        "private_metadata": {},
        "created_by": admins[0].user_id if admins else "",
        "created_at": FOUNDED_MS,
        "updated_at": directory.changed_ms(organization),
    }


def membership_record(directory: Directory, membership: Membership) -> dict[str, object]:
    """An ``OrganizationMembership``."""
    ends = f"{membership.person.user_id}\x1f{membership.organization.organization_id}"
    return {
        "object": "organization_membership",
        "id": f"orgmem_{hashlib.sha256(ends.encode()).hexdigest()[:27]}",
        "role": membership.role.prefixed,
        "role_name": membership.role.value.capitalize(),
        "permissions": [],
        "public_metadata": {},
        "private_metadata": {},
        "organization": organization_record(directory, membership.organization),
        "public_user_data": _person(membership.person) | {"profile_image_url": _PICTURE},
        "created_at": membership.created_ms,
        "updated_at": membership.updated_ms,
    }


def invitation_record(invitation: Invitation) -> dict[str, object]:
    """An ``OrganizationInvitation``."""
    inviter = invitation.inviter
    return {
        "object": "organization_invitation",
        "id": invitation.invitation_id,
        "email_address": invitation.email,
        "role": invitation.role.prefixed,
        "role_name": invitation.role.value.capitalize(),
        "organization_id": invitation.organization_id,
        "inviter_id": inviter.user_id if inviter else None,
        "public_inviter_data": _person(inviter) if inviter else None,
        "status": invitation.status,
        "public_metadata": {},
        "private_metadata": {},
        "url": None,
        "expires_at": invitation.created_ms + INVITATION_MS,
        "created_at": invitation.created_ms,
        "updated_at": invitation.updated_ms,
    }


def _person(person: Person) -> dict[str, object]:
    return {
        "user_id": person.user_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "image_url": _PICTURE,
        "has_image": False,
        "identifier": person.email,
    }
