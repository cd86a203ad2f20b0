"""Clerk's records, in the shapes that its webhooks and the answers of its back-end API share: organisations, memberships, invitations."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter

from core.ids import parse_user_id, parse_workspace_id
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Organisation, Role
from ingest.webhooks.wire import Wire, moment_of, read_body


class OrganisationRecord(Wire):
    """An organisation: a workspace."""

    id: str
    name: str
    slug: str | None = None
    updated_at: int


class PersonRecord(Wire):
    """What everybody in the organisation sees of somebody."""

    user_id: str
    identifier: str | None = None


class MembershipRecord(Wire):
    """Somebody in an organisation."""

    role: str
    updated_at: int
    organization: OrganisationRecord
    public_user_data: PersonRecord


class InvitationRecord(Wire):
    """An invitation into an organisation."""

    id: str
    email_address: str
    role: str
    organization_id: str
    created_at: int
    updated_at: int
    expires_at: int | None = None


_ORGANISATION = TypeAdapter(OrganisationRecord)
_MEMBERSHIP = TypeAdapter(MembershipRecord)
_INVITATION = TypeAdapter(InvitationRecord)


def organisation_of(body: bytes) -> Organisation:
    """The organisation in an answer of the back-end API. Raises InvalidInput."""
    return organisation(read_body(_ORGANISATION, body))


def membership_of(body: bytes, *, removed: bool) -> Membership:
    """The membership in an answer, which has just ended if `removed`. Raises InvalidInput."""
    return membership(read_body(_MEMBERSHIP, body), removed=removed)


def invitation_of(body: bytes, state: InvitationState) -> Invitation:
    """The invitation in an answer. Raises InvalidInput."""
    return invitation(read_body(_INVITATION, body), state)


def organisation(record: OrganisationRecord) -> Organisation:
    """What the record says. Raises InvalidInput for an id or a time that is none."""
    return Organisation(parse_workspace_id(record.id), record.name, record.slug or "", moment(record.updated_at))


def membership(record: MembershipRecord, *, removed: bool) -> Membership:
    """What the record says of somebody who is there, or was until now. Raises InvalidInput."""
    person = record.public_user_data
    return Membership(
        user_id=parse_user_id(person.user_id),
        email=person.identifier or "",
        role=_role(record.role),
        removed=removed,
        updated_at=moment(record.updated_at),
    )


def invitation(record: InvitationRecord, state: InvitationState) -> Invitation:
    """What the record says. Raises InvalidInput."""
    return Invitation(
        invitation_id=record.id,
        email=record.email_address,
        role=_role(record.role),
        state=state,
        invited_at=moment(record.created_at),
        expires_at=None if record.expires_at is None else moment(record.expires_at),
        updated_at=moment(record.updated_at),
    )


def moment(milliseconds: int) -> datetime:
    """Clerk's times are milliseconds since 1970. Raises InvalidInput."""
    return moment_of(milliseconds, per_second=1000)


def _role(text: str) -> Role:
    return Role.ADMIN if text.removeprefix("org:") == Role.ADMIN else Role.MEMBER
