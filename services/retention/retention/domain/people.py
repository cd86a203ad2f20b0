"""The request to erase one person's data: who is named, and what the attempts come to. Pure.

An attempt is a search, which ingest answers, and an order, which all services answer with what they have erased. Attempts follow each other
until one has found nothing new and nobody has erased anything.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import Struct, field, structs

from core.errors import InvalidInput
from retention.domain.erasures import ITSELF, TOLD, Call, Erasure, Part, Person

LONGEST_ADDRESS = 254

# Like ingest's: whether it is one, its mail server knows.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# Who has a part in the erasure of a person's data: retention as one of all.
SERVICES = (*TOLD, ITSELF)

# The name under which a part tells of objects that a later attempt found.
OBJECTS = "objects"


class Found(Struct, frozen=True, kw_only=True):
    """What an attempt's search has found: `calls` that no earlier attempt had, `more` where the next has others, `calls_found` in all."""

    erasure_id: uuid.UUID
    attempt: int
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


class Answer(Struct, frozen=True, kw_only=True):
    """One service has erased what an attempt is about: what that attempt took."""

    erasure_id: uuid.UUID
    service: str
    attempt: int
    at: datetime
    rows: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0


def parse_person(text: str) -> str:
    """The address that names a person, in small letters. Raises InvalidInput."""
    address = text.strip().lower()
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise InvalidInput("This is not an e-mail address: write it as name@company.com.")
    return address


def check_typed(typed: str, address: str) -> None:
    """Raise InvalidInput unless somebody has typed the person's address a second time."""
    if typed.strip().lower() != address:
        raise InvalidInput("The two addresses are not the same. Type the person's address twice.")


def with_found(person: Person, found: Found) -> Person:
    """The person, once an attempt's search is answered."""
    user_ids = tuple(sorted({*person.user_ids, *found.user_ids}))
    return replace(
        person,
        user_ids=user_ids,
        calls=found.calls,
        more=found.more,
        is_new=bool(found.calls) or found.more or user_ids != person.user_ids,
        found_attempt=found.attempt,
        calls_found=max(person.calls_found, found.calls_found),
        rows_by_address=max(person.rows_by_address, found.rows_by_address),
    )


def is_entered(erasure: Erasure) -> bool:
    """Whether the attempt has an entry in the ledger: the first one, and any that knows something new."""
    return erasure.attempt == 1 or (erasure.person is not None and erasure.person.is_new)


def with_answer(part: Part, answer: Answer) -> Part:
    """The part with the answer to one more attempt. An attempt counts once, however often it is answered."""
    if answer.attempt <= part.attempt:
        return part
    rows = {name: count for name, count in answer.rows.items() if count}
    found = dict(rows) | ({OBJECTS: answer.objects} if answer.objects else {})
    # What the first attempt erases was not left by anybody.
    left = found if answer.attempt > 1 else {}
    return structs.replace(
        part,
        frozen_at=part.frozen_at or answer.at,
        erased_at=part.erased_at or answer.at,
        verified_at=None if found else answer.at,
        attempt=answer.attempt,
        rows=dict(sorted((Counter(part.rows) + Counter(rows)).items())),
        objects=part.objects + answer.objects,
        left=dict(sorted(left.items())),
    )


def is_answered(parts: Sequence[Part], attempt: int) -> bool:
    """Whether all services have answered the attempt."""
    return {one.service for one in parts if one.attempt >= attempt}.issuperset(SERVICES)


def is_over(erasure: Erasure, parts: Sequence[Part]) -> bool:
    """Whether an attempt that all have answered was the last one: a second look has found nothing, and nobody had anything to erase."""
    if erasure.person is None or erasure.person.is_new or erasure.attempt < 2:
        return False
    return all(one.verified_at is not None for one in parts)
