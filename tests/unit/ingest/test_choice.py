"""Which calls a run fetches, and their metadata packed."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.ingest.calls import DEAL, MAYA, TOMAS, call

from ingest.domain.calls import Call, Outcome, Owner, described
from ingest.domain.choice import MOST_CALLS, Choice
from ingest.domain.packing import pack_call, unpack


def chosen(calls: list[Call], most: int) -> list[str]:
    choice = Choice(most)
    for one in calls:
        choice.add(one)
    return [each.call_id for each in choice.newest_first()]


def test_the_newest_are_chosen_whatever_order_they_come_in() -> None:
    calls = [call(number) for number in (3, 1, 4, 2)]
    assert chosen(calls, 3) == chosen(calls[::-1], 3) == ["7004", "7003", "7002"]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 99)), unique=True), st.integers(1, 12), st.randoms())
@settings(max_examples=200, deadline=None)
def test_it_is_what_sorting_all_would_give(pairs: list[tuple[int, int]], most: int, source: random.Random) -> None:
    calls = [call(day, call_id=f"{day}{number:02}") for day, number in pairs]
    expected = sorted(calls, key=lambda one: (-one.started_at.timestamp(), one.call_id))[:most]
    source.shuffle(calls)
    assert chosen(calls, most) == [one.call_id for one in expected]


def test_no_bound_is_what_a_run_can_use() -> None:
    calls = [call(1, call_id=str(number)) for number in range(MOST_CALLS + 1)]
    assert len(chosen(calls, 0)) == MOST_CALLS


def test_a_call_survives_being_packed() -> None:
    odd = replace(MAYA, name="مايا 👩🏽‍💼", email=None, speaker_id=None)
    for one in (
        call(),
        call(parties=(odd, TOMAS), owner=None, deal=None, title="\u202eمرحب\u202c 🎧", call_id="98765432109876543210"),
        call(deal=replace(DEAL, amount=0.1, employees=None, outcome=Outcome.LOST), owner=Owner("x", None)),
    ):
        assert unpack(pack_call(one).content) == described(one)


def test_the_checksum_is_that_of_what_is_read_of_a_call() -> None:
    first = pack_call(call())
    assert pack_call(call()).checksum == first.checksum
    changes: list[dict[str, object]] = [
        {"title": "x"},
        {"duration_seconds": 1},
        {"deal": replace(DEAL, stage="Negotiation")},
        {"parties": (TOMAS, MAYA)},
        {"owner": None},
    ]
    assert len({pack_call(call(1, **change)).checksum for change in changes} | {first.checksum}) == len(changes) + 1
