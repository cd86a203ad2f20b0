"""Rebuilds what was alive from the log: topics, subscriptions, and who still waits for which message."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from local.broker.records import Acknowledged, Carried, Kind, Published, Snapshot
from local.broker.store import Record, Segment


@dataclass(slots=True)
class Survivor:
    """A message somebody has not acknowledged, the segment it lives in, and the subscriptions waiting for it."""

    number: int
    data: bytes
    segment: Segment
    waiting: set[int]


@dataclass(slots=True)
class Recovered:
    """The state after reading the whole log."""

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(next_message=1, next_uid=1))
    survivors: dict[int, Survivor] = field(default_factory=dict)
    _subscribers: dict[int, list[int]] = field(default_factory=dict)

    def ordered(self) -> list[Survivor]:
        """Survivors in the order they were published; moved ones return to their place."""
        return [self.survivors[number] for number in sorted(self.survivors)]

    def apply(self, segment: Segment, record: Record) -> None:
        match record.kind:
            case Kind.SNAPSHOT:
                self._configure(Snapshot.read(record.payload))
            case Kind.PUBLISHED:
                self._publish(segment, Published.read(record.payload))
            case Kind.ACKNOWLEDGED:
                self._acknowledge(Acknowledged.read(record.payload))
            case Kind.CARRIED:
                self._carry(segment, Carried.read(record.payload))
            case unknown:
                raise ValueError(f"Record kind {unknown} was written by a newer broker. Start that version instead.")

    def _configure(self, snapshot: Snapshot) -> None:
        gone = {s.uid for s in self.snapshot.subscriptions} - {s.uid for s in snapshot.subscriptions}
        self.snapshot = snapshot
        self._subscribers = {}
        for subscription in snapshot.subscriptions:
            self._subscribers.setdefault(subscription.topic, []).append(subscription.uid)
        if gone:
            for number in list(self.survivors):
                self._release(number, gone)

    def _publish(self, segment: Segment, published: Published) -> None:
        waiting = self._subscribers.get(published.topic, [])
        self._advance(published.first + len(published.messages))
        if not waiting:
            return
        for number, data in enumerate(published.messages, published.first):
            self.survivors[number] = Survivor(number, data, segment, set(waiting))

    def _acknowledge(self, acknowledged: Acknowledged) -> None:
        done = {acknowledged.subscription}
        for number in acknowledged.numbers:
            self._release(number, done)

    def _carry(self, segment: Segment, carried: Carried) -> None:
        self._advance(carried.number + 1)
        self.survivors[carried.number] = Survivor(carried.number, carried.message, segment, set(carried.subscriptions))

    def _release(self, number: int, subscriptions: set[int]) -> None:
        survivor = self.survivors.get(number)
        if survivor is None:
            return
        survivor.waiting -= subscriptions
        if not survivor.waiting:
            del self.survivors[number]

    def _advance(self, next_message: int) -> None:
        if next_message > self.snapshot.next_message:
            old = self.snapshot
            self.snapshot = Snapshot(next_message, old.next_uid, old.topics, old.subscriptions)


def recover(records: Iterable[tuple[Segment, Record]]) -> Recovered:
    """Replays the log from the oldest record on."""
    state = Recovered()
    for segment, record in records:
        state.apply(segment, record)
    return state
