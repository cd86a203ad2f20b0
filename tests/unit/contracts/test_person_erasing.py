"""The typed side of the messages about one person's erasure."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.protobuf.message import Message

from callmine.erasure.v1.people_pb2 import (
    PersonCall,
    PersonErasureAnswered,
    PersonErasureRequested,
    PersonFound,
    PersonSearchRequested,
)
from contracts import Event, attributes_of, pack, person_erasing, unpack
from contracts.person_erasing import MOST_CALLS, Call, Found, PersonAnswer, PersonOrder, Search
from core.errors import InvalidInput
from core.ids import WorkspaceId

ID = UUID("0195520d-9d52-7000-8000-0000000000a1")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CALLS = (Call("gong", "1"), Call("gong", "2"), Call("hubspot", "1"))


def travelled(message: Message) -> Message:
    return type(message).FromString(message.SerializeToString())


def test_what_is_told_comes_back() -> None:
    search = Search(ID, 2, AT, "dana@quillstone.example")
    assert person_erasing.search_asked(travelled(person_erasing.search(search))) == search
    found = Found(erasure_id=ID, attempt=2, at=AT, user_ids=("user_1",), calls=CALLS, more=True, calls_found=9)
    assert person_erasing.found_told(travelled(person_erasing.found(found))) == found
    member = Found(erasure_id=ID, attempt=0, at=AT, still_member=True, rows_by_address=3)
    assert person_erasing.found_told(travelled(person_erasing.found(member))) == member
    order = PersonOrder(erasure_id=ID, attempt=2, asked_at=AT, due_at=AT, user_ids=("user_1",), calls=CALLS)
    assert person_erasing.order_asked(travelled(person_erasing.order(order))) == order
    answer = PersonAnswer(erasure_id=ID, service="ingest", attempt=2, at=AT, rows={"members": 1}, objects=4)
    assert person_erasing.answer_told(travelled(person_erasing.answer(answer))) == answer


def test_lists_are_read_sorted_and_without_doubles() -> None:
    told = PersonFound(erasure_id=str(ID), attempt=1, user_ids=["user_2", "user_1", "user_2"])
    told.calls.extend([PersonCall(provider="hubspot", call_id="1"), PersonCall(provider="gong", call_id="1")] * 2)
    found = person_erasing.found_told(told)
    assert found.user_ids == ("user_1", "user_2")
    assert found.calls == (Call("gong", "1"), Call("hubspot", "1"))


def test_tables_of_which_nothing_went_are_not_named() -> None:
    told = PersonAnswer(erasure_id=ID, service="ingest", attempt=1, at=AT, rows={"members": 0, "intents": 2})
    assert person_erasing.answer_told(person_erasing.answer(told)).rows == {"intents": 2}


def test_nothing_is_nothing_at_all() -> None:
    assert Found(erasure_id=ID, attempt=0, at=AT).nothing
    assert not Found(erasure_id=ID, attempt=0, at=AT, rows_by_address=1).nothing
    assert not Found(erasure_id=ID, attempt=0, at=AT, calls_found=1).nothing
    assert not Found(erasure_id=ID, attempt=0, at=AT, user_ids=("user_1",)).nothing
    assert not Found(erasure_id=ID, attempt=0, at=AT, still_member=True).nothing


def test_as_many_calls_as_an_attempt_names_fit_in_an_envelope() -> None:
    calls = tuple(Call("hubspot", f"{number:064}") for number in range(MOST_CALLS))
    users = tuple(f"user_2NNEqL2nrIRdJ194ndJqAHwEf{number:02}" for number in range(100))
    for payload in (
        person_erasing.order(
            PersonOrder(erasure_id=ID, attempt=1, asked_at=AT, due_at=AT, user_ids=users, calls=calls)
        ),
        person_erasing.found(Found(erasure_id=ID, attempt=1, at=AT, user_ids=users, calls=calls)),
    ):
        workspace = WorkspaceId("org_2NNEqL2nrIRdJ194ndJqAHwEfxC")
        event = Event(workspace_id=workspace, payload=payload, producer="ingest", aggregate_id=str(ID), sequence=1)
        assert unpack(pack(event), attributes_of(event)).payload == payload


def asked() -> PersonErasureRequested:
    order = person_erasing.order(PersonOrder(erasure_id=ID, attempt=1, asked_at=AT, due_at=AT, calls=CALLS))
    assert isinstance(order, PersonErasureRequested)
    return order


def test_an_order_that_is_not_whole_is_refused() -> None:
    for spoil in (
        lambda order: order.ClearField("attempt"),
        lambda order: order.ClearField("asked_at"),
        lambda order: order.ClearField("due_at"),
        lambda order: order.user_ids.append(""),
        lambda order: order.calls.append(PersonCall(provider="gong")),
        lambda order: order.calls.append(PersonCall(call_id="1")),
        lambda order: order.calls.extend(
            PersonCall(provider="gong", call_id=f"{number}") for number in range(MOST_CALLS + 1)
        ),
        lambda order: setattr(order, "erasure_id", "other"),
    ):
        spoiled = asked()
        spoil(spoiled)
        with pytest.raises(InvalidInput):
            person_erasing.order_asked(spoiled)


def test_a_search_and_an_answer_that_are_not_whole_are_refused() -> None:
    search = person_erasing.search(Search(ID, 0, AT, "dana@quillstone.example"))
    assert isinstance(search, PersonSearchRequested)
    search.ClearField("email")
    with pytest.raises(InvalidInput):
        person_erasing.search_asked(search)
    with pytest.raises(InvalidInput):
        person_erasing.answer_told(PersonErasureAnswered(erasure_id=str(ID), service="ingest"))


def test_another_message_is_none_of_these() -> None:
    other = PersonCall()
    for read in (
        person_erasing.search_asked,
        person_erasing.found_told,
        person_erasing.order_asked,
        person_erasing.answer_told,
    ):
        with pytest.raises(ValueError, match="the message"):
            read(other)


def test_the_address_stands_in_no_text_of_a_search() -> None:
    assert "quillstone" not in repr(Search(ID, 0, AT, "dana@quillstone.example"))
