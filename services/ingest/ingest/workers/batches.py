"""Which calls are asked for together: as many as one request to Gong may name, and no more than one answer may hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from ingest.store.run_calls import WaitingCall

# Gong answers for at most so many calls at once.
MOST_CALLS = 100

# An hour of conversation is about 9,000 words in 900 sentences, which Gong's JSON makes 120 KB, twice that where a letter takes two bytes.
# The bound on an answer is half of what egress lets in; a longer one than expected is asked for in halves.
BYTES_PER_SECOND = 60
MOST_BYTES = 16 * 1024 * 1024

# Calls that are held already need no request; they travel with the others, not too many in one transaction.
_MOST_ROWS = 500

# So many short answers may be on their way in place of a long one: Gong may take seconds to answer, and in each 3 requests may be sent.
MOST_REQUESTS = 3

Read = Callable[[int, int], Awaitable[list[WaitingCall]]]


def expected_bytes(row: WaitingCall) -> int:
    """How much a call adds to an answer, roughly."""
    return 0 if row.held else row.duration_seconds * BYTES_PER_SECOND


def is_room(under_way: Sequence[int], adds: int, in_flight: int) -> bool:
    """Whether a batch that expects `adds` bytes may be asked for beside those that expect `under_way`.

    `in_flight` batches may always be; more of them, where all together hold no more than so many of the longest would.
    """
    if len(under_way) < in_flight:
        return True
    return len(under_way) < in_flight * MOST_REQUESTS and sum(under_way) + adds <= in_flight * MOST_BYTES


async def in_batches(read: Read, most_calls: int) -> AsyncIterator[list[WaitingCall]]:
    """All waiting calls in their order, in batches that need one request each. `read` gives the next rows behind a position."""
    batch: list[WaitingCall] = []
    asked = expected = after = 0
    while rows := await read(after, _MOST_ROWS):
        for row in rows:
            needs, adds = 0 if row.held else 1, expected_bytes(row)
            if batch and (asked + needs > most_calls or expected + adds > MOST_BYTES or len(batch) >= _MOST_ROWS):
                yield batch
                batch, asked, expected = [], 0, 0
            batch.append(row)
            asked, expected = asked + needs, expected + adds
        after = rows[-1].position
    if batch:
        yield batch
