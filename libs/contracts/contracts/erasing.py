"""What messages about erasures say: what retention asks of the others, and what they answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct, field

from callmine.erasure.v1.erasure_pb2 import ErasureCompleted, ErasureRequested, ErasureStage, ErasureVerify
from core.errors import InvalidInput
from core.ids import parse_uuid

ERASURE_MESSAGES: tuple[type[Message], ...] = (ErasureRequested, ErasureVerify)
"""The messages that `asked` reads."""

RECEIPT: type[Message] = ErasureCompleted
"""The message that `receipt_told` reads."""


class Stage(enum.StrEnum):
    """How far one service has come: see ErasureStage."""

    FROZEN = "frozen"
    ERASED = "erased"
    VERIFIED = "verified"


_STAGES = {stage: ErasureStage.Value(f"ERASURE_STAGE_{stage.name}") for stage in Stage}
_STAGE_OF = {number: stage for stage, number in _STAGES.items()}


class Order(Struct, frozen=True):
    """A workspace is to be erased."""

    erasure_id: str
    asked_at: datetime
    due_at: datetime


class Again(Struct, frozen=True):
    """It is to be looked for again; `attempt` counts from 1."""

    erasure_id: str
    attempt: int


class Receipt(Struct, frozen=True, kw_only=True):
    """One service has come to a stage: see ErasureCompleted."""

    erasure_id: str
    service: str
    stage: Stage
    at: datetime
    rows: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    attempt: int = 0
    providers: Mapping[str, str] = field(default_factory=dict)


def asked(payload: Message) -> Order | Again:
    """What retention asks for. Raises InvalidInput; ValueError for another message."""
    match payload:
        case ErasureRequested():
            if not payload.HasField("asked_at") or not payload.HasField("due_at"):
                raise InvalidInput("an erasure says when it was asked for and when it is due")
            return Order(_id(payload.erasure_id), _time(payload.asked_at), _time(payload.due_at))
        case ErasureVerify():
            if payload.attempt == 0:
                raise InvalidInput("attempts of a verification are counted from 1")
            return Again(_id(payload.erasure_id), payload.attempt)
        case _:
            raise ValueError("the message asks for no erasure")


def receipt(told: Receipt) -> Message:
    """The message that a service has come to a stage."""
    at = Timestamp()
    at.FromDatetime(told.at)
    return ErasureCompleted(
        erasure_id=told.erasure_id,
        service=told.service,
        stage=_STAGES[told.stage],
        rows=told.rows,
        objects=told.objects,
        left=told.left,
        at=at,
        attempt=told.attempt,
        providers=told.providers,
    )


def receipt_told(payload: Message) -> Receipt | None:
    """What a service tells; None for a stage that is not known here. Raises InvalidInput; ValueError for another message."""
    if not isinstance(payload, ErasureCompleted):
        raise ValueError("the message is no receipt of an erasure")
    stage = _STAGE_OF.get(payload.stage)
    if stage is None:
        return None
    return Receipt(
        erasure_id=_id(payload.erasure_id),
        service=payload.service,
        stage=stage,
        at=_time(payload.at),
        rows=dict(payload.rows),
        objects=payload.objects,
        left=dict(payload.left),
        attempt=payload.attempt,
        providers=dict(payload.providers),
    )


def _id(text: str) -> str:
    return str(parse_uuid(text, "erasure_id"))


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
