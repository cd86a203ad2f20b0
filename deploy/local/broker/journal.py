"""What the broker writes down, and when it may forget.

Old segments go as soon as nothing in them is wanted. When more than half of a grown log is dead weight, what is left of
the oldest segment is carried forward into the current one, one segment at a time, so that no call waits long.
"""

from collections.abc import Callable, Mapping, Sequence

from local.broker.message import Message
from local.broker.records import Acknowledged, Carried, Published, Snapshot
from local.broker.store import SEGMENT_BYTES, Segment, SegmentLog

Holders = Callable[[int], Sequence[int]]
"""Which subscriptions still wait for the message of this number."""


class Journal:
    """Writes to the log; `messages` is the broker's table of all live messages by number."""

    __slots__ = ("_holders", "_log", "_messages", "_snapshot")

    def __init__(
        self, log: SegmentLog, snapshot: Callable[[], Snapshot], messages: Mapping[int, Message], holders: Holders
    ) -> None:
        self._log = log
        self._snapshot = snapshot
        self._messages = messages
        self._holders = holders

    def configure(self) -> None:
        """Writes down all topics and subscriptions after one of them changed."""
        if self._log.full:
            self._log.roll(self._snapshot().record())
        else:
            self._log.append([self._snapshot().record()])

    def publish(self, topic: int, first: int, messages: Sequence[bytes]) -> Segment:
        self._make_room()
        return self._log.append([Published(topic, first, messages).record()])

    def acknowledge(self, subscription: int, numbers: Sequence[int]) -> None:
        self._make_room()
        self._log.append([Acknowledged(subscription, numbers).record()])

    def forward(self, topic: int, number: int, message: bytes, subscription: int, original: int) -> Segment:
        """A dead letter: published there and acknowledged here in one write, so a crash cannot split the two."""
        self._make_room()
        return self._log.append(
            [Published(topic, number, [message]).record(), Acknowledged(subscription, [original]).record()]
        )

    async def settled(self) -> None:
        await self._log.settled()

    def reclaim(self) -> None:
        """Deletes the oldest segments as far as nothing in them is wanted."""
        segments = self._log.segments
        while len(segments) > 1 and not segments[0].live:
            self._log.drop_oldest()

    def compact(self) -> None:
        """At the start: leaves one segment's worth of history at most, unless the rest is alive."""
        self._log.roll(self._snapshot().record())
        while len(self._log.segments) > 1 and (not self._log.segments[0].live or self._mostly_dead()):
            if self._log.segments[0].live:
                self._carry_oldest()
            else:
                self._log.drop_oldest()

    def close(self) -> None:
        self._log.close()

    def _make_room(self) -> None:
        if self._log.full:
            self._log.roll(self._snapshot().record())
            self.reclaim()
            if self._log.size > 4 * SEGMENT_BYTES and self._mostly_dead():
                self._carry_oldest()

    def _mostly_dead(self) -> bool:
        live = sum(segment.live_bytes for segment in self._log.segments)
        return live * 2 < self._log.size

    def _carry_oldest(self) -> None:
        oldest = self._log.segments[0]
        records = []
        for number in oldest.live:
            message = self._messages[number]
            records.append(Carried(number, self._holders(number), message.data).record())
        target = self._log.append(records)
        for number, size in oldest.live.items():
            self._messages[number].segment = target
            target.keep(number, size)
        oldest.live.clear()
        self._log.drop_oldest()
