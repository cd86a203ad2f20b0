"""Clerk's webhooks, signed with Svix: organisations and their members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from standardwebhooks.webhooks import Webhook

from core.ids import parse_user_id, parse_workspace_id
from ingest.domain.members import Membership, Organisation, Role
from ingest.domain.webhooks import Reason
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.refusal import Refused
from ingest.webhooks.signing import check_signed, check_time, moment, present
from ingest.webhooks.wire import Wire, moment_of, read_body

_ORGANISATION = frozenset({"organization.created", "organization.updated"})
_MEMBERSHIP = frozenset(
    {"organizationMembership.created", "organizationMembership.updated", "organizationMembership.deleted"}
)
_REMOVED = "organizationMembership.deleted"


@dataclass(frozen=True, slots=True)
class Told:
    """What one webhook says: always of a workspace, and of a member where `membership` is set."""

    message_id: str
    type: str
    organisation: Organisation
    membership: Membership | None


class _Organisation(Wire):
    id: str
    name: str
    slug: str | None = None
    updated_at: int


class _Person(Wire):
    user_id: str
    identifier: str | None = None


class _Membership(Wire):
    role: str
    updated_at: int
    organization: _Organisation
    public_user_data: _Person


class _Envelope(Wire):
    type: str


class _OrganisationEvent(_Envelope):
    data: _Organisation


class _MembershipEvent(_Envelope):
    data: _Membership


_ENVELOPE = TypeAdapter(_Envelope)
_ORGANISATION_EVENT = TypeAdapter(_OrganisationEvent)
_MEMBERSHIP_EVENT = TypeAdapter(_MembershipEvent)


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
        organisation = read_body(_ORGANISATION_EVENT, body).data
        return Told(message_id, kind, _organisation(organisation), None)
    if kind in _MEMBERSHIP:
        data = read_body(_MEMBERSHIP_EVENT, body).data
        membership = _membership(data, removed=kind == _REMOVED)
        return Told(message_id, kind, _organisation(data.organization), membership)
    return None


def _organisation(data: _Organisation) -> Organisation:
    return Organisation(parse_workspace_id(data.id), data.name, data.slug or "", _moment(data.updated_at))


def _membership(data: _Membership, *, removed: bool) -> Membership:
    person = data.public_user_data
    role = Role.ADMIN if data.role.removeprefix("org:") == Role.ADMIN else Role.MEMBER
    return Membership(
        user_id=parse_user_id(person.user_id),
        email=person.identifier or "",
        role=role,
        removed=removed,
        updated_at=_moment(data.updated_at),
    )


def _moment(milliseconds: int) -> datetime:
    """Clerk's times are milliseconds since 1970."""
    return moment_of(milliseconds, per_second=1000)
