"""What a request to erase one person's data comes to: who is named, what was found, and what the services answer."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from core.errors import InvalidInput
from retention.domain.erasures import Call, Erasure, Part, Person, Scope, State, terms_of
from retention.domain.people import (
    SERVICES,
    Answer,
    Found,
    check_typed,
    is_answered,
    is_entered,
    is_over,
    parse_person,
    with_answer,
    with_found,
)
from retention.federal import is_federal_holiday
from retention.handlers.person_erasing import order_of

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
ID = uuid.UUID(int=7)
CALLS = (Call("gong", "1"), Call("hubspot", "2"))
ERASURE = Erasure(
    id=ID,
    state=State.VERIFYING,
    terms=terms_of(NOW, "America/New_York", NOW, is_federal_holiday),
    by_staff=False,
    person=Person(email="dana@quillstone.example"),
)


def answered(attempt: int, rows: dict[str, int] | None = None, objects: int = 0) -> Answer:
    at = NOW + timedelta(hours=attempt)
    return Answer(erasure_id=ID, service="ingest", attempt=attempt, at=at, rows=rows or {}, objects=objects)


@pytest.mark.parametrize("text", ["dana@quillstone.example", " Dana@Quillstone.EXAMPLE\n"])
def test_a_person_is_named_by_an_address(text: str) -> None:
    assert parse_person(text) == "dana@quillstone.example"
    check_typed(text, "dana@quillstone.example")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dana",
        "dana@quillstone",
        "@quillstone.example",
        "da na@x.example",
        "a@b@c.example",
        f"{'a' * 250}@x.example",
        "d\x00@x.example",
    ],
)
def test_what_is_no_address_names_nobody(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_person(text)
    with pytest.raises(InvalidInput):
        check_typed(text, "dana@quillstone.example")


def test_what_was_found_adds_to_what_is_known() -> None:
    first = with_found(
        Person(email="d@x.example"),
        Found(erasure_id=ID, attempt=1, user_ids=("user_2",), calls=CALLS, more=True, calls_found=9),
    )
    assert (first.email, first.user_ids, first.calls, first.more, first.is_new) == (
        "d@x.example",
        ("user_2",),
        CALLS,
        True,
        True,
    )
    again = with_found(first, Found(erasure_id=ID, attempt=2, user_ids=("user_2",), calls_found=7))
    assert (again.calls, again.more, again.is_new, again.found_attempt, again.calls_found) == ((), False, False, 2, 9)
    other = with_found(again, Found(erasure_id=ID, attempt=3, user_ids=("user_1",)))
    assert (other.user_ids, other.is_new) == (("user_1", "user_2"), True)


def test_answers_add_up_and_each_attempt_counts_once() -> None:
    answers = [answered(1, {"members": 1, "held_calls": 5}, 7), answered(2, {"held_calls": 2}, 1), answered(3)]
    part = Part(service="ingest")
    for one in answers:
        part = with_answer(part, one)
        assert with_answer(part, one) == part
    assert (dict(part.rows), part.objects, part.attempt, dict(part.left)) == ({"held_calls": 7, "members": 1}, 8, 3, {})
    assert (part.erased_at, part.verified_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=3))
    # Whatever comes again, and late, changes nothing.
    for one in random.Random(1).choices(answers, k=10):
        assert with_answer(part, one) == part


def test_what_a_later_attempt_erases_was_left() -> None:
    first = with_answer(Part(service="ingest"), answered(1, {"members": 1}, 2))
    assert (first.left, first.verified_at) == ({}, None)
    second = with_answer(first, answered(2, {}, 1))
    assert (second.left, second.verified_at) == ({"objects": 1}, None)
    assert with_answer(second, answered(3)).verified_at is not None


def test_it_is_over_when_a_second_attempt_has_found_nothing() -> None:
    parts = [with_answer(Part(service=one), replace(answered(2), service=one)) for one in SERVICES]
    second = replace(ERASURE, attempt=2)
    assert is_answered(parts, 2)
    assert is_over(second, parts)
    assert not is_answered(parts[1:], 2)
    assert not is_answered([replace(parts[0], attempt=1), *parts[1:]], 2)
    # One attempt is never enough; nor is one that found something, or in which somebody erased something.
    assert not is_over(replace(ERASURE, attempt=1), parts)
    assert not is_over(replace(second, person=Person(is_new=True)), parts)
    assert not is_over(second, [replace(parts[0], verified_at=None), *parts[1:]])


def test_the_first_attempt_is_entered_and_each_that_knows_more() -> None:
    assert is_entered(replace(ERASURE, attempt=1))
    assert not is_entered(replace(ERASURE, attempt=2))
    assert is_entered(replace(ERASURE, attempt=2, person=Person(is_new=True)))


def test_an_order_has_ids_and_no_address() -> None:
    person = Person(email="dana@quillstone.example", user_ids=("user_1",), calls=CALLS)
    order = order_of(replace(ERASURE, attempt=3, person=person))
    assert (order.erasure_id, order.attempt, order.user_ids, len(order.calls)) == (ID, 3, ("user_1",), 2)
    assert "quillstone" not in repr(order)
    assert "quillstone" not in repr(ERASURE)


def test_what_ends_for_nothing_is_never_late() -> None:
    after = ERASURE.terms.deadline + timedelta(days=1)
    assert ERASURE.scope is Scope.PERSON
    assert ERASURE.is_late(after)
    assert not replace(ERASURE, state=State.STILL_MEMBER, completed_at=after).is_late(after)
    assert not replace(ERASURE, state=State.NOT_FOUND, completed_at=after).is_late(after)
