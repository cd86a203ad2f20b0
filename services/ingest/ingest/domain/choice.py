"""Which of the calls that match a run fetches: the newest, chosen while they are listed, in memory for as many as are wanted."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta

from msgspec import Struct

from ingest.domain.calls import Call, CallId
from ingest.domain.packing import Packed, pack_call

# The largest plan analyses 5,000 calls a month: no run can use more.
MOST_CALLS = 5_000


class ChosenCall(Struct, frozen=True):
    """A call with its metadata packed. Of two, the one that started earlier is less; of two that started together, the later id."""

    call_id: CallId
    started_at: datetime
    duration_seconds: int
    metadata: Packed

    @property
    def ended_at(self) -> datetime:
        """When the recording ended."""
        return self.started_at + timedelta(seconds=self.duration_seconds)

    @classmethod
    def of(cls, call: Call) -> ChosenCall:
        """`call`, packed."""
        return cls(call.call_id, call.started_at, call.duration_seconds, pack_call(call))

    def __lt__(self, other: ChosenCall) -> bool:
        """Whether `other` is wanted more."""
        return (self.started_at, other.call_id) < (other.started_at, self.call_id)


class Choice:
    """The newest `most` of the calls added so far; 0 or less means as many as a run can use."""

    def __init__(self, most: int) -> None:
        self._wanted = min(most, MOST_CALLS) if most > 0 else MOST_CALLS
        self._kept: list[ChosenCall] = []

    def add(self, call: Call) -> None:
        """One more call that matches."""
        if len(self._kept) >= self._wanted and call.started_at < self._kept[0].started_at:
            return
        self.put(ChosenCall.of(call))

    def put(self, chosen: ChosenCall) -> None:
        """The same for a call that is packed already."""
        if len(self._kept) < self._wanted:
            heapq.heappush(self._kept, chosen)
        else:
            heapq.heappushpop(self._kept, chosen)

    def newest_first(self) -> list[ChosenCall]:
        """What is chosen, newest first, ties by id; the choice is empty afterwards."""
        chosen = sorted(self._kept, reverse=True)
        self._kept = []
        return chosen
