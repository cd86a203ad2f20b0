"""Cutting claimed events into requests."""

from __future__ import annotations

import uuid

from messaging.lanes import MOST_BYTES, MOST_MESSAGES, lanes_of, requests_of
from messaging.store import ClaimedRow


def row(number: int, key: str = "k", topic: str = "calls", size: int = 10) -> ClaimedRow:
    return ClaimedRow(number, "org_a", topic, key, b"x" * size, {}, 0, uuid.UUID(int=number))


def test_a_lane_is_a_topic_and_a_key_in_the_order_claimed() -> None:
    rows = [row(1, "a"), row(2, "b"), row(3, "a"), row(4, "a", topic="audit"), row(5, "a")]
    lanes = [[one.id for one in lane] for lane in lanes_of(rows)]
    assert lanes == [[1, 3, 5], [2], [4]]


def test_a_request_has_at_most_a_thousand_messages() -> None:
    requests = list(requests_of([row(number) for number in range(2 * MOST_MESSAGES + 1)]))
    assert [len(request) for request in requests] == [MOST_MESSAGES, MOST_MESSAGES, 1]
    assert [one.id for request in requests for one in request] == list(range(2 * MOST_MESSAGES + 1))


def test_a_request_stays_below_nine_megabytes() -> None:
    half = MOST_BYTES // 2
    requests = list(requests_of([row(1, size=half), row(2, size=half), row(3, size=half), row(4)]))
    assert [[one.id for one in request] for request in requests] == [[1], [2], [3, 4]]


def test_one_event_that_is_too_large_travels_alone() -> None:
    requests = list(requests_of([row(1), row(2, size=MOST_BYTES + 1), row(3)]))
    assert [[one.id for one in request] for request in requests] == [[1], [2], [3]]
