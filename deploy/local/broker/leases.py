"""Who has what until when: acknowledgement deadlines, and messages held back until a retry delay is over."""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.broker.backlog import Lane
from local.broker.consumer import Consumer
from local.broker.message import Delivery

NEVER = float("inf")


@dataclass(slots=True, eq=False)
class LeaseBatch:
    """Deliveries leased together. `open` counts those still leased; at zero the list is let go, data and all."""

    members: list[Delivery] = field(default_factory=list)
    open: int = 0


class Leases:
    """All leases of one subscription. Times are seconds of the monotonic clock."""

    __slots__ = ("_by_ack_id", "_epoch", "_heap", "_serial")

    def __init__(self, epoch: str) -> None:
        # The epoch differs at each start: an ack id of a former life must not settle a delivery of this one.
        self._epoch = epoch
        self._serial = itertools.count(1)
        self._by_ack_id: dict[str, Delivery] = {}
        self._heap: list[tuple[float, int, LeaseBatch]] = []

    def __len__(self) -> int:
        return len(self._by_ack_id)

    @property
    def next_deadline(self) -> float:
        return self._heap[0][0] if self._heap else NEVER

    def grant(self, deliveries: list[Delivery], consumer: Consumer, deadline: float) -> None:
        """Leases each delivery under a fresh ack id and counts the attempt."""
        batch = LeaseBatch(deliveries, len(deliveries))
        by_ack_id, epoch, serial = self._by_ack_id, self._epoch, self._serial
        for delivery in deliveries:
            ack_id = f"{epoch}{next(serial):x}"
            delivery.ack_id = ack_id
            delivery.attempt += 1
            delivery.deadline = deadline
            delivery.batch = batch
            delivery.consumer = consumer
            by_ack_id[ack_id] = delivery
            consumer.lent(len(delivery.message.data))
        heapq.heappush(self._heap, (deadline, next(serial), batch))

    def find(self, ack_ids: Iterable[str]) -> list[Delivery]:
        """The deliveries behind those ids that are still leased."""
        known = self._by_ack_id
        return [known[ack_id] for ack_id in ack_ids if ack_id in known]

    def end(self, delivery: Delivery) -> None:
        """Ends a lease, whatever the reason; does nothing when there is none."""
        if self._by_ack_id.pop(delivery.ack_id, None) is None:
            return
        delivery.ack_id = ""
        self._leave_batch(delivery)
        if (consumer := delivery.consumer) is not None:
            delivery.consumer = None
            consumer.returned(len(delivery.message.data))

    def extend(self, deliveries: list[Delivery], deadline: float) -> None:
        """Sets a new deadline, earlier or later."""
        for delivery in deliveries:
            self._leave_batch(delivery)
        batch = LeaseBatch(deliveries, len(deliveries))
        for delivery in deliveries:
            delivery.deadline = deadline
            delivery.batch = batch
        heapq.heappush(self._heap, (deadline, next(self._serial), batch))

    def due(self, now: float) -> list[Delivery]:
        """Removes and returns deliveries whose deadline has passed; their leases are still to be ended."""
        expired: list[Delivery] = []
        while self._heap and self._heap[0][0] <= now:
            _, _, batch = heapq.heappop(self._heap)
            expired += [delivery for delivery in batch.members if delivery.batch is batch]
        return expired

    @staticmethod
    def _leave_batch(delivery: Delivery) -> None:
        batch = delivery.batch
        if batch is None:
            return
        delivery.batch = None
        batch.open -= 1
        if not batch.open:
            batch.members = []


class HeldBack:
    """Deliveries and lanes that wait for a time to come (retry delays, injected delays)."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Delivery | Lane]] = []
        self._serial = itertools.count()

    @property
    def next_release(self) -> float:
        return self._heap[0][0] if self._heap else NEVER

    def hold(self, held: Delivery | Lane, until: float) -> None:
        heapq.heappush(self._heap, (until, next(self._serial), held))

    def due(self, now: float) -> list[Delivery | Lane]:
        released = []
        while self._heap and self._heap[0][0] <= now:
            released.append(heapq.heappop(self._heap)[2])
        return released
