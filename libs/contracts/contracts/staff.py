"""What messages about staff access say, for audit, which grants it, and for the services that it opens."""

from __future__ import annotations

import enum
import re
import uuid
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from callmine.audit.v1.audit_pb2 import StaffAccess, StaffAccessStep
from callmine.staff.v1.staff_pb2 import StaffGranted, StaffGrantEnded, StaffReason
from contracts.registry import STAFFED
from core.errors import InvalidInput
from core.ids import parse_uuid

GRANT_MESSAGES: tuple[type[Message], ...] = (StaffGranted, StaffGrantEnded)
"""The messages that `grant_told` reads."""

LONGEST_GRANT = timedelta(minutes=60)
"""No grant lasts longer; each service checks it for itself."""

LONGEST_ADDRESS = 200

_ADDRESS = re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9][a-z0-9.-]*")


class Reason(enum.StrEnum):
    """What staff may look into a workspace for, and nothing else."""

    INCIDENT = "incident"
    SUPPORT = "support"


class Step(enum.StrEnum):
    """How far a statement has come: see StaffAccessStep."""

    ASKED = "asked"
    SHOWN = "shown"
    WITHHELD = "withheld"
    FAILED = "failed"


_REASONS = {reason: StaffReason.Value(f"STAFF_REASON_{reason.name}") for reason in Reason}
_STEPS = {step: StaffAccessStep.Value(f"STAFF_ACCESS_STEP_{step.name}") for step in Step}
_STEP_OF = {number: step for step, number in _STEPS.items()}


class Granted(Struct, frozen=True, kw_only=True):
    """A grant that a second person has approved."""

    grant_id: uuid.UUID
    service: str
    staff: str
    approver: str
    reason: Reason
    ticket: str
    granted_at: datetime
    expires_at: datetime


class Ended(Struct, frozen=True):
    """A grant that is over before its time."""

    grant_id: uuid.UUID


class Read(Struct, frozen=True, kw_only=True):
    """One step of one statement under a grant."""

    grant_id: uuid.UUID
    statement_id: uuid.UUID
    step: Step
    question: str
    reads: str
    about: str
    rows: int = 0


def parse_address(text: str) -> str:
    """The address by which somebody of our staff is known, in lower case. Raises InvalidInput."""
    address = text.strip().lower()
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidInput("the address of somebody of our staff is missing or malformed")
    return address


def granted(told: Granted) -> Message:
    """The message that a grant was approved."""
    return StaffGranted(
        grant_id=str(told.grant_id),
        service=told.service,
        staff=told.staff,
        approver=told.approver,
        reason=_REASONS[told.reason],
        ticket=told.ticket,
        granted_at=_stamp(told.granted_at),
        expires_at=_stamp(told.expires_at),
    )


def ended(grant_id: uuid.UUID) -> Message:
    """The message that a grant is over before its time."""
    return StaffGrantEnded(grant_id=str(grant_id))


def grant_told(payload: Message) -> Granted | Ended:
    """What `payload` says of a grant.

    Raises InvalidInput for a grant that nobody but its own holder approved, that lasts longer than any may, or that is for no known reason
    or service; ValueError for another message.
    """
    match payload:
        case StaffGranted():
            return _checked(payload)
        case StaffGrantEnded():
            return Ended(parse_uuid(payload.grant_id, "grant_id"))
        case _:
            raise ValueError("the message is not about a grant of staff access")


def _checked(payload: StaffGranted) -> Granted:
    reason = next((reason for reason, number in _REASONS.items() if number == payload.reason), None)
    if reason is None or payload.service not in STAFFED or not payload.ticket:
        raise InvalidInput("the grant is for no known reason or service, or names no ticket")
    told = Granted(
        grant_id=parse_uuid(payload.grant_id, "grant_id"),
        service=payload.service,
        staff=parse_address(payload.staff),
        approver=parse_address(payload.approver),
        reason=reason,
        ticket=payload.ticket,
        granted_at=_time(payload.granted_at),
        expires_at=_time(payload.expires_at),
    )
    if told.staff == told.approver:
        raise InvalidInput("the grant was approved by the person whom it lets in")
    if not timedelta() < told.expires_at - told.granted_at <= LONGEST_GRANT:
        raise InvalidInput("the grant lasts longer than any may, or no time at all")
    return told


def read(told: Read) -> Message:
    """The message of one step of a statement."""
    return StaffAccess(
        grant_id=str(told.grant_id),
        statement_id=str(told.statement_id),
        step=_STEPS[told.step],
        question=told.question,
        reads=told.reads,
        about=told.about,
        rows=told.rows,
    )


def read_told(payload: StaffAccess) -> Read:
    """What `payload` says of a statement. Raises InvalidInput."""
    step = _STEP_OF.get(payload.step)
    if step is None or not payload.question or payload.rows < 0:
        raise InvalidInput("the message names no step of a statement, or no question")
    return Read(
        grant_id=parse_uuid(payload.grant_id, "grant_id"),
        statement_id=parse_uuid(payload.statement_id, "statement_id"),
        step=step,
        question=payload.question,
        reads=payload.reads,
        about=payload.about,
        rows=payload.rows,
    )


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _time(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("the message holds a time that is none") from error
