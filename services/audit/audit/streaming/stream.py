"""What a stream is, how long it waits after a failure, and when it gives up. Pure."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from core.ids import WorkspaceId

# The first pause and the longest one, in seconds: doubled each time. Some 80 attempts in three days.
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 3600.0

# How long a destination may fail on end before nothing is sent any more until an admin says so.
PATIENCE: Final = timedelta(days=3)

# Of one request: entries, and bytes of JSON unless a single entry has more.
MOST_ENTRIES: Final = 100
MOST_BYTES: Final = 256 * 1024


class State(enum.StrEnum):
    """Active: sent as entries are sealed. Paused by an admin. Failing: given up after three days, to be resumed by an admin."""

    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"


class Attempt(Struct, frozen=True):
    """How a request ended. `status` is 0 where there was no answer; `reason` is ours, never the answer's body; `milliseconds` it took.

    `retry_after`: the seconds that the destination asked for. `gone`: it wants nothing any more (410, as Standard Webhooks has it).
    """

    delivered: bool
    status: int
    reason: str
    milliseconds: int
    retry_after: float | None = None

    @property
    def gone(self) -> bool:
        """Whether the destination says that it is not there any more."""
        return self.status == 410


class Last(Struct, frozen=True):
    """The last attempt, as it is shown."""

    at: datetime
    status: int
    reason: str
    milliseconds: int


class Stream(Struct, frozen=True):
    """A workspace's stream.

    `next_index` is the first position that was not delivered, `size` that of the log; `version` rises with each change that an admin makes.
    `failing_since`: the first failure since the last delivery. `waiting`: there is nothing to sign with yet.
    """

    url: str
    state: State
    next_index: int
    size: int
    version: int
    attempts: int
    failing_since: datetime | None
    due_at: datetime
    waiting: bool
    delivered_at: datetime | None
    last: Last | None

    @property
    def behind(self) -> int:
        """How many positions have yet to be delivered."""
        return max(0, self.size - self.next_index)


class Claim(Struct, frozen=True):
    """A stream that this process delivers for. The fence is worth something only until it is claimed again, or its address is another."""

    workspace_id: WorkspaceId
    fence: int


class Claimed(Struct, frozen=True):
    """What there is to deliver: from which position, and up to which where that was decided before, for what is sent again is the same."""

    url: str
    next_index: int
    batch_end: int | None
    attempts: int
    failing_since: datetime | None


def pause(attempts: int, chance: Random, retry_after: float | None = None) -> float:
    """Seconds until the next attempt, after `attempts` failures on end: half of it is certain, the other half chance."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 20))
    drawn = longest / 2 + chance.uniform(0, longest / 2)
    return max(drawn, min(retry_after or 0.0, LONGEST_PAUSE))


def is_over(claimed: Claimed, attempt: Attempt, now: datetime) -> bool:
    """Whether a failed attempt was the last one."""
    return attempt.gone or (claimed.failing_since is not None and now - claimed.failing_since >= PATIENCE)


def message_id(workspace_id: WorkspaceId, first: int, end: int) -> str:
    """The id of the message with positions `first` to `end` - 1: the same however often it is sent, and no other message's."""
    return f"{workspace_id}_{first}_{end}"
