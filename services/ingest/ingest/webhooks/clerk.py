"""Clerk's webhooks, signed with Svix: organisations, their members and their invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from pydantic import TypeAdapter
from standardwebhooks.webhooks import Webhook

from core.ids import WorkspaceId, parse_workspace_id
from ingest import clerk_records as records
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Organisation
from ingest.domain.webhooks import Reason
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.refusal import Refused
from ingest.webhooks.signing import check_signed, check_time, moment, present
from ingest.webhooks.wire import Wire, read_body

_ORGANISATION = frozenset({"organization.created", "organization.updated"})
_MEMBERSHIP = frozenset(
    {"organizationMembership.created", "organizationMembership.updated", "organizationMembership.deleted"}
)
_REMOVED = "organizationMembership.deleted"
_INVITATION = {
    "organizationInvitation.created": InvitationState.PENDING,
    "organizationInvitation.accepted": InvitationState.ACCEPTED,
    "organizationInvitation.revoked": InvitationState.REVOKED,
}

# As milliseconds this is in 1973, as seconds in the year 5138.
_SECONDS_END = 100_000_000_000


class Told(Struct, frozen=True):
    """What one webhook says: of a workspace, a member and its workspace, or an invitation. `happened_at` is Clerk's own time of it."""

    message_id: str
    type: str
    workspace_id: WorkspaceId
    happened_at: datetime
    organisation: Organisation | None = None
    membership: Membership | None = None
    invitation: Invitation | None = None


class _Envelope(Wire):
    type: str
    timestamp: int | None = None


class _OrganisationEvent(_Envelope):
    data: records.OrganisationRecord


class _MembershipEvent(_Envelope):
    data: records.MembershipRecord


class _InvitationEvent(_Envelope):
    data: records.InvitationRecord


_ENVELOPE = TypeAdapter(_Envelope)
_ORGANISATION_EVENT = TypeAdapter(_OrganisationEvent)
_MEMBERSHIP_EVENT = TypeAdapter(_MembershipEvent)
_INVITATION_EVENT = TypeAdapter(_InvitationEvent)


def check_signature(secrets: Sequence[str], arrival: Arrival) -> str:
    """The message's id, if Clerk signed the body within five minutes of now. Raises Refused."""
    headers = arrival.headers
    given = present(headers.get("svix-signature"))
    message_id = present(headers.get("svix-id"))
    at = moment(present(headers.get("svix-timestamp")))
    try:
        text = arrival.body.decode()
        expected = [Webhook(secret).sign(message_id, at, text) for secret in secrets]
    except ValueError:
        raise Refused(Reason.WRONG_SIGNATURE) from None
    check_signed(expected, given.split(" "))
    check_time(at, arrival.now)
    return message_id


def read_webhook(message_id: str, body: bytes) -> Told | None:
    """What Clerk says; None for a type that means nothing here. Raises InvalidInput, which quotes nothing."""
    kind = read_body(_ENVELOPE, body).type
    if kind in _ORGANISATION:
        return _of_organisation(message_id, read_body(_ORGANISATION_EVENT, body))
    if kind in _MEMBERSHIP:
        return _of_membership(message_id, read_body(_MEMBERSHIP_EVENT, body))
    if kind in _INVITATION:
        return _of_invitation(message_id, read_body(_INVITATION_EVENT, body))
    return None


def _of_organisation(message_id: str, event: _OrganisationEvent) -> Told:
    told = records.organisation(event.data)
    return Told(message_id, event.type, told.workspace_id, _happened(event, told.updated_at), told)


def _of_membership(message_id: str, event: _MembershipEvent) -> Told:
    of = records.organisation(event.data.organization)
    membership = records.membership(event.data, removed=event.type == _REMOVED)
    at = _happened(event, membership.updated_at)
    return Told(message_id, event.type, of.workspace_id, at, of, membership)


def _of_invitation(message_id: str, event: _InvitationEvent) -> Told:
    invitation = records.invitation(event.data, _INVITATION[event.type])
    workspace_id = parse_workspace_id(event.data.organization_id)
    at = _happened(event, invitation.updated_at)
    return Told(message_id, event.type, workspace_id, at, invitation=invitation)


def _happened(event: _Envelope, updated_at: datetime) -> datetime:
    """When it happened: of an ending the event alone knows, for it repeats the last `updated_at`.

    Clerk sends milliseconds; the examples of its specification have seconds.
    """
    if event.timestamp is None:
        return updated_at
    return records.moment(event.timestamp * 1000 if event.timestamp < _SECONDS_END else event.timestamp)
