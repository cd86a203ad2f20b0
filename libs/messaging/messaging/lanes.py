"""Claimed events sorted into lanes, one for each topic and ordering key, and lanes cut into requests that the broker accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from messaging.ports import OutgoingMessage
from messaging.store import ClaimedRow

# Pub/Sub takes 1,000 messages and 10 MB a request (cloud.google.com/pubsub/quotas); 9 MB leaves room for attributes and framing.
MOST_MESSAGES = 1000
MOST_BYTES = 9_000_000

# Attributes, ids and framing of one message: the seven attributes take about 300 bytes.
_OVERHEAD_BYTES = 512

Lane = list[ClaimedRow]


def lanes_of(rows: Sequence[ClaimedRow]) -> list[Lane]:
    """`rows` by topic and ordering key, their order within a lane kept."""
    lanes: dict[tuple[str, str], Lane] = {}
    for row in rows:
        lanes.setdefault((row.topic, row.ordering_key), []).append(row)
    return list(lanes.values())


def requests_of(lane: Lane) -> Iterator[Lane]:
    """`lane` cut into pieces that fit into one publish request each."""
    piece: Lane = []
    size = 0
    for row in lane:
        bytes_of_row = len(row.body) + _OVERHEAD_BYTES
        if piece and (len(piece) == MOST_MESSAGES or size + bytes_of_row > MOST_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(row)
        size += bytes_of_row
    if piece:
        yield piece


def message_of(row: ClaimedRow) -> OutgoingMessage:
    """`row` as it goes to the broker."""
    return OutgoingMessage(row.body, row.attributes, row.ordering_key)
