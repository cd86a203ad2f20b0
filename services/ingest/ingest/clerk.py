"""Clerk's webhooks: is it Clerk, and what does it say. Signed with Svix over the raw bytes; read only after that check."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError
from standardwebhooks.webhooks import Webhook

from core.clock import Clock
from core.errors import InvalidInput, Unauthenticated
from core.ids import parse_user_id, parse_workspace_id
from ingest.domain.members import Membership, Organisation, Role

# Svix' own tolerance, in both directions: an old message may be a replay, one from the future a forgery to be used later.
TOLERANCE = timedelta(minutes=5)

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


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _Organisation(_Wire):
    id: str
    name: str
    slug: str | None = None
    updated_at: int


class _Person(_Wire):
    user_id: str
    identifier: str | None = None


class _Membership(_Wire):
    role: str
    updated_at: int
    organization: _Organisation
    public_user_data: _Person


class _Envelope(_Wire):
    type: str


class _OrganisationEvent(_Envelope):
    data: _Organisation


class _MembershipEvent(_Envelope):
    data: _Membership


def check_signature(secret: str, headers: Mapping[str, str], body: bytes, clock: Clock) -> str:
    """The message's id, if Clerk signed `body` within five minutes of now. Raises Unauthenticated, without saying what was wrong."""
    message_id = headers.get("svix-id", "")
    stamp = headers.get("svix-timestamp", "")
    try:
        if not message_id or not stamp.isascii() or not stamp.isdigit():
            raise ValueError("headers")
        at = datetime.fromtimestamp(int(stamp), UTC)
        expected = Webhook(secret).sign(message_id, at, body.decode())
    except (ValueError, OverflowError, OSError):
        raise _unsigned() from None
    given = headers.get("svix-signature", "").split(" ")
    signed = any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)
    if not signed or abs(clock.now() - at) > TOLERANCE:
        raise _unsigned()
    return message_id


def read_webhook(message_id: str, body: bytes) -> Told | None:
    """What Clerk says; None for a type that means nothing here. Raises InvalidInput, which quotes nothing."""
    try:
        kind = _Envelope.model_validate_json(body).type
        if kind in _ORGANISATION:
            told = _OrganisationEvent.model_validate_json(body).data
            return Told(message_id, kind, _organisation(told), None)
        if kind in _MEMBERSHIP:
            data = _MembershipEvent.model_validate_json(body).data
            membership = _membership(data, removed=kind == _REMOVED)
            return Told(message_id, kind, _organisation(data.organization), membership)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "body"
        raise InvalidInput(f"the webhook cannot be read: {place} ({fault['type']})") from None
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
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput("the webhook holds a time that is none") from error


def _unsigned() -> Unauthenticated:
    return Unauthenticated("The webhook's signature or timestamp is not valid.")
