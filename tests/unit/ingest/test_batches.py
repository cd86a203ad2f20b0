"""Calls that are asked for together."""

from __future__ import annotations

from itertools import chain

import pytest

from cloud.objects import StoredObject
from ingest.domain.calls import CallId
from ingest.store.run_calls import WaitingCall
from ingest.workers.batches import BYTES_PER_SECOND, MOST_BYTES, in_batches, is_room

HOUR = 3_600
HELD = StoredObject("workspaces/org_a/calls/1", "0" * 64, 1)


def row(position: int, seconds: int = HOUR, held: bool = False) -> WaitingCall:
    return WaitingCall(CallId(str(position)), position, b"", "", None, seconds, 0, False, HELD if held else None)


async def batches(rows: list[WaitingCall], most_calls: int = 100) -> list[list[int]]:
    """The positions in each batch."""

    async def read(after: int, most: int) -> list[WaitingCall]:
        return [one for one in rows if one.position > after][: min(most, 70)]

    return [[one.position for one in batch] async for batch in in_batches(read, most_calls)]


async def test_a_request_names_as_many_calls_as_gong_allows() -> None:
    made = await batches([row(position, 900) for position in range(1, 251)])
    assert [len(batch) for batch in made] == [100, 100, 50]
    assert list(chain(*made)) == list(range(1, 251))


async def test_long_calls_come_in_smaller_batches() -> None:
    made = await batches([row(position, 10 * HOUR) for position in range(1, 21)])
    fit = MOST_BYTES // (10 * HOUR * BYTES_PER_SECOND)
    assert [len(batch) for batch in made] == [fit] * (20 // fit) + [20 % fit] * (20 % fit > 0)


async def test_a_call_that_is_longer_than_an_answer_goes_alone() -> None:
    assert await batches([row(1), row(2, 1_000 * HOUR), row(3)]) == [[1], [2], [3]]


async def test_calls_that_are_held_need_no_place_in_a_request() -> None:
    rows = [row(position, held=position % 2 == 0) for position in range(1, 21)]
    assert await batches(rows, most_calls=5) == [list(range(1, 11)), list(range(11, 21))]
    assert [len(batch) for batch in await batches([row(position, held=True) for position in range(1, 1_201)])] == [
        500,
        500,
        200,
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
async def test_none_is_lost(count: int) -> None:
    made = await batches([row(position) for position in range(1, count + 1)], most_calls=2)
    assert list(chain(*made)) == list(range(1, count + 1))


MB = 1024 * 1024


@pytest.mark.parametrize(
    ("under_way", "adds", "room"),
    [
        ([], 100 * MB, True),
        ([16 * MB] * 3, 16 * MB, True),
        ([16 * MB] * 4, 1, False),
        ([10 * MB] * 5, 10 * MB, True),
        ([10 * MB] * 6, 10 * MB, False),
        ([MB] * 11, MB, True),
        ([MB] * 12, MB, False),
        ([0] * 12, 0, False),
    ],
)
def test_more_are_asked_for_at_once_where_they_are_short(under_way: list[int], adds: int, room: bool) -> None:
    assert is_room(under_way, adds, 4) is room
