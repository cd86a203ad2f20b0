"""The calls of a time range as they were listed, packed, so that other filters can be tried on them without another request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from ingest.domain.calls import Call, CallId
from ingest.domain.filters import CallFilter
from ingest.domain.packing import pack_call

# Some 2 MB packed. A longer list is not kept: it takes Gong that much longer, and few would ask for it again.
MOST_LISTED = 5_000


class ListedCall(Struct, frozen=True):
    """A call with its metadata packed."""

    call_id: CallId
    started_at: datetime
    metadata: bytes


class Listing:
    """What is read of a range while it is listed: calls that may be read, whatever the filter says of them. Private ones leave no trace."""

    def __init__(self, wanted: CallFilter, most: int = MOST_LISTED) -> None:
        self.from_time, self.to_time = wanted.from_time, wanted.to_time
        self._most = most
        self._kept: dict[CallId, ListedCall] = {}
        self._is_whole = True

    def add(self, call: Call) -> None:
        """One more call of the range; of a call that comes again, what is read last counts."""
        if call.is_private:
            self._kept.pop(call.call_id, None)
        elif self._is_whole and self.from_time <= call.started_at < self.to_time:
            self._kept[call.call_id] = ListedCall(call.call_id, call.started_at, pack_call(call).content)
            if len(self._kept) > self._most:
                self._is_whole = False
                self._kept = {}

    @property
    def calls(self) -> Sequence[ListedCall] | None:
        """All of them; None where there are more than are kept."""
        return list(self._kept.values()) if self._is_whole else None
