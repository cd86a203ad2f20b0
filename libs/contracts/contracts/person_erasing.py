"""What messages about the erasure of one person's data say: what retention asks of the others, and what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from callmine.erasure.v1.people_pb2 import (
    PersonCall,
    PersonErasureAnswered,
    PersonErasureRequested,
    PersonFound,
    PersonSearchRequested,
)
from core.errors import InvalidInput
from core.ids import parse_uuid

SEARCHES: Final = "person-searches"
ORDERS: Final = "person-erasures"

MOST_CALLS: Final = 2_000
"""Calls that one attempt names: with ids of 64 letters they fill two thirds of an envelope. The next attempt names others."""

PERSON_SEARCH: type[Message] = PersonSearchRequested
"""The message that `search_asked` reads."""

PERSON_ORDER: type[Message] = PersonErasureRequested
"""The message that `order_asked` reads."""


class Call(Struct, frozen=True, order=True):
    """A call, by the id that its provider gave it."""

    provider: str
    call_id: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is kept about a person is to be looked for; from attempt 1 it is to be held as well: see PersonSearchRequested."""

    erasure_id: UUID
    attempt: int
    asked_at: datetime
    email: str = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether what is found is to be held."""
        return self.attempt > 0


class Found(Struct, frozen=True, kw_only=True):
    """What ingest has found: see PersonFound. Both lists name nothing twice, and are sorted once they were read."""

    erasure_id: UUID
    attempt: int
    at: datetime
    user_ids: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    more: bool = False
    calls_found: int = 0
    still_member: bool = False
    rows_by_address: int = 0

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is kept about the person."""
        return not (self.user_ids or self.calls_found or self.rows_by_address or self.still_member)


class PersonOrder(Struct, frozen=True, kw_only=True):
    """What is kept about a person is to be erased: see PersonErasureRequested. Both lists name nothing twice, and are sorted once they were
    read."""

    erasure_id: UUID
    attempt: int
    asked_at: datetime
    due_at: datetime
    user_ids: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()


class PersonAnswer(Struct, frozen=True, kw_only=True):
    """One service has erased all that this and the earlier attempts name: see PersonErasureAnswered."""

    erasure_id: UUID
    service: str
    attempt: int
    at: datetime
    rows: Mapping[str, int] = msgspec.field(default_factory=dict)
    objects: int = 0


def search(asked: Search) -> Message:
    """The message that a person is looked for."""
    return PersonSearchRequested(
        erasure_id=str(asked.erasure_id),
        email=asked.email,
        attempt=asked.attempt,
        asked_at=_stamp(asked.asked_at),
    )


def search_asked(payload: Message) -> Search:
    """Who is to be looked for. Raises InvalidInput; ValueError for another message."""
    if not isinstance(payload, PersonSearchRequested):
        raise ValueError("the message asks for no search")
    if not payload.email or not payload.HasField("asked_at"):
        raise InvalidInput("a search names an address, and says when it was asked for")
    return Search(_id(payload.erasure_id), payload.attempt, _time(payload.asked_at), payload.email)


def found(told: Found) -> Message:
    """The message of what was found."""
    return PersonFound(
        erasure_id=str(told.erasure_id),
        attempt=told.attempt,
        user_ids=told.user_ids,
        calls=_listed(told.calls),
        more=told.more,
        calls_found=told.calls_found,
        still_member=told.still_member,
        rows_by_address=told.rows_by_address,
        at=_stamp(told.at),
    )


def found_told(payload: Message) -> Found:
    """What was found. Raises InvalidInput; ValueError for another message."""
    if not isinstance(payload, PersonFound):
        raise ValueError("the message does not say what was found")
    return Found(
        erasure_id=_id(payload.erasure_id),
        attempt=payload.attempt,
        at=_time(payload.at),
        user_ids=_users(payload.user_ids),
        calls=_calls(payload.calls),
        more=payload.more,
        calls_found=payload.calls_found,
        still_member=payload.still_member,
        rows_by_address=payload.rows_by_address,
    )


def order(asked: PersonOrder) -> Message:
    """The message that a person's data is to be erased."""
    return PersonErasureRequested(
        erasure_id=str(asked.erasure_id),
        attempt=asked.attempt,
        user_ids=asked.user_ids,
        calls=_listed(asked.calls),
        asked_at=_stamp(asked.asked_at),
        due_at=_stamp(asked.due_at),
    )


def order_asked(payload: Message) -> PersonOrder:
    """What is to be erased. Raises InvalidInput; ValueError for another message."""
    if not isinstance(payload, PersonErasureRequested):
        raise ValueError("the message asks for no erasure of a person's data")
    if payload.attempt == 0 or not payload.HasField("asked_at") or not payload.HasField("due_at"):
        raise InvalidInput("an erasure counts attempts from 1, and says when it was asked for and when it is due")
    return PersonOrder(
        erasure_id=_id(payload.erasure_id),
        attempt=payload.attempt,
        asked_at=_time(payload.asked_at),
        due_at=_time(payload.due_at),
        user_ids=_users(payload.user_ids),
        calls=_calls(payload.calls),
    )


def answer(told: PersonAnswer) -> Message:
    """The message that a service has erased."""
    return PersonErasureAnswered(
        erasure_id=str(told.erasure_id),
        service=told.service,
        attempt=told.attempt,
        rows={table: rows for table, rows in told.rows.items() if rows},
        objects=told.objects,
        at=_stamp(told.at),
    )


def answer_told(payload: Message) -> PersonAnswer:
    """What a service has erased. Raises InvalidInput; ValueError for another message."""
    if not isinstance(payload, PersonErasureAnswered):
        raise ValueError("the message does not say what was erased")
    if payload.attempt == 0:
        raise InvalidInput("attempts of an erasure are counted from 1")
    return PersonAnswer(
        erasure_id=_id(payload.erasure_id),
        service=payload.service,
        attempt=payload.attempt,
        at=_time(payload.at),
        rows=dict(payload.rows),
        objects=payload.objects,
    )


def _listed(calls: Iterable[Call]) -> list[PersonCall]:
    return [PersonCall(provider=call.provider, call_id=call.call_id) for call in calls]


def _calls(told: Iterable[PersonCall]) -> tuple[Call, ...]:
    calls = {Call(one.provider, one.call_id) for one in told}
    if not all(call.provider and call.call_id for call in calls):
        raise InvalidInput("a call is named by its provider and its id")
    if len(calls) > MOST_CALLS:
        raise InvalidInput(f"an attempt names at most {MOST_CALLS} calls")
    return tuple(sorted(calls))


def _users(told: Iterable[str]) -> tuple[str, ...]:
    users = frozenset(told)
    if "" in users:
        raise InvalidInput("an id of a user is never empty")
    return tuple(sorted(users))


def _id(text: str) -> UUID:
    return parse_uuid(text, "erasure_id")


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _stamp(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
