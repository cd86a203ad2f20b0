"""One subscription: what waits, what is out, and what happens when it comes back."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from google.pubsub_v1 import types

from local.broker.backlog import Backlog, Lane
from local.broker.clock import Clock
from local.broker.consumer import Consumer
from local.broker.faults import Fate, FaultStream
from local.broker.journal import Journal
from local.broker.leases import HeldBack, Leases
from local.broker.message import Delivery, Message

log = logging.getLogger(__name__)

PUSH_BACKOFF = (0.1, 60.0)
"""Seconds between attempts of a push subscription without a retry policy: the range Google documents for push."""

Forward = Callable[["Subscription", Delivery], bool]
"""Sends a delivery to the dead-letter topic; False when that topic is missing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every subscription is given: time, the journal, a way to be called again, and where dead letters go."""

    clock: Clock
    journal: Journal
    epoch: str
    alarm: Callable[[float], None]
    forward: Forward
    forget: Callable[[Message], None]


class Subscription:
    """State of one subscription. `topic` is the topic's number in the log, 0 once the topic was deleted."""

    __slots__ = (
        "_around", "_backlog", "_consumers", "_faults", "_held_back", "_leases", "config", "gone", "holding", "topic",
        "uid",
    )  # fmt: skip

    def __init__(self, uid: int, topic: int, config: types.Subscription, around: Surroundings) -> None:
        self.uid = uid
        self.topic = topic
        self.config = config
        self.gone = False
        self.holding: dict[int, Delivery] = {}
        self._around = around
        self._backlog = Backlog()
        self._leases = Leases(f"{around.epoch}-{uid:x}-")
        self._held_back = HeldBack()
        self._consumers: dict[Consumer, None] = {}
        self._faults: FaultStream | None = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def max_attempts(self) -> int:
        """Delivery attempts before a message becomes a dead letter; 0 without a dead-letter policy."""
        policy = self.config.dead_letter_policy
        return policy.max_delivery_attempts if policy.dead_letter_topic else 0

    def disturb(self, faults: FaultStream | None) -> None:
        """Sets the faults for deliveries from now on; None for none."""
        self._faults = faults

    def enqueue(self, messages: Iterable[Message]) -> None:
        """Takes in newly published messages, in order."""
        ordered, backlog = self.config.enable_message_ordering, self._backlog
        for message in messages:
            delivery = Delivery(message, backlog.lane(message.key) if ordered and message.key else None)
            message.waiting += 1
            self.holding[message.number] = delivery
            backlog.add(delivery)
        self._notify()

    def join(self, consumer: Consumer) -> None:
        self._consumers[consumer] = None

    def leave(self, consumer: Consumer) -> None:
        consumer.gone = True
        self._consumers.pop(consumer, None)
        self._backlog.leave(consumer)
        self._notify()

    def take(self, consumer: Consumer) -> list[Delivery]:
        """Leases what the consumer has room for; what is returned is to be sent, duplicates included."""
        room = consumer.room()
        if room.messages <= 0 or room.bytes <= 0:
            return []
        taken = self._backlog.take(consumer, room)
        if not taken:
            return []
        if self._faults is not None:
            return self._take_disturbed(taken, consumer, self._faults)
        self._lease(taken, consumer)
        return taken

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Done with these; unknown and expired ids are ignored, as Google does."""
        done: list[Delivery] = []
        lanes: dict[Lane, None] = {}
        for delivery in self._leases.find(ack_ids):
            self._leases.end(delivery)
            if delivery.lane is None:
                done.append(delivery)
            else:
                done += delivery.lane.settle(delivery)
                lanes[delivery.lane] = None
        for lane in lanes:
            self._backlog.settled(lane)
        if done:
            self._finish(done)
        if lanes:
            self._notify()

    def modify(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Moves the deadline to `seconds` from now; 0 gives the messages back at once."""
        deliveries = self._leases.find(ack_ids)
        if not seconds:
            self._give_back(deliveries)
        elif deliveries:
            deadline = self._around.clock.monotonic() + seconds
            self._leases.extend(deliveries, deadline)
            self._around.alarm(deadline)

    def tick(self, now: float) -> float:
        """Does what has fallen due and returns when to come again (monotonic seconds)."""
        for held in self._held_back.due(now):
            self._release(held)
        expired = self._leases.due(now)
        if expired:
            self._give_back(expired)
        return min(self._leases.next_deadline, self._held_back.next_release)

    def close(self) -> None:
        """The subscription was deleted: lets go of every message and tells the consumers."""
        self.gone = True
        for delivery in self.holding.values():
            self._drop(delivery)
        self.holding.clear()
        self._notify()

    def finish_forwarded(self, delivery: Delivery) -> None:
        """After the dead letter was written down: the original needs no acknowledgement of its own."""
        del self.holding[delivery.message.number]
        self._drop(delivery)

    def _lease(self, deliveries: list[Delivery], consumer: Consumer) -> None:
        deadline = self._around.clock.monotonic() + (consumer.deadline or self.config.ack_deadline_seconds)
        self._leases.grant(deliveries, consumer, deadline)
        self._around.alarm(deadline)

    def _take_disturbed(self, taken: list[Delivery], consumer: Consumer, faults: FaultStream) -> list[Delivery]:
        kept: list[tuple[Delivery, Fate]] = []
        rewound: set[Delivery] = set()
        for delivery in taken:
            if delivery in rewound:
                continue
            fate = faults.fate()
            if fate is Fate.DELAY:
                rewound.update(self._postpone(delivery, faults.delay()))
            else:
                kept.append((delivery, fate))
        # The lease keeps its own list: what is sent may be shorter (dropped) or longer (duplicated).
        self._lease([delivery for delivery, _ in kept], consumer)
        sent = [delivery for delivery, fate in kept if fate is not Fate.DROP]
        _shuffle(sent, faults)
        return sent + [delivery for delivery, fate in kept if fate is Fate.DUPLICATE]

    def _postpone(self, delivery: Delivery, delay: float) -> list[Delivery]:
        """Holds back a delivery that was taken but not leased; a keyed one takes its successors with it."""
        until = self._around.clock.monotonic() + delay
        lane = delivery.lane
        if lane is None:
            self._held_back.hold(delivery, until)
            self._around.alarm(until)
            return [delivery]
        rewound = lane.rewind(delivery)
        self._hold_lane(lane, until)
        return rewound

    def _give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Negative acknowledgement or expiry: again later, or a dead letter when tried often enough."""
        for delivery in deliveries:
            if not delivery.ack_id:
                continue  # went back with an earlier message of its lane
            if self.max_attempts and delivery.attempt >= self.max_attempts and self._bury(delivery):
                continue
            if delivery.lane is None:
                self._return_loose(delivery)
            else:
                self._return_lane(delivery, delivery.lane)
        self._around.journal.reclaim()
        self._notify()

    def _bury(self, delivery: Delivery) -> bool:
        """Forwards to the dead-letter topic and settles the original; successors of its key go on."""
        if not self._around.forward(self, delivery):
            return False
        self._leases.end(delivery)
        if delivery.lane is not None:
            done = delivery.lane.remove(delivery)
            self._backlog.settled(delivery.lane)
            if done:
                self._finish(done)
        return True

    def _return_loose(self, delivery: Delivery) -> None:
        self._leases.end(delivery)
        wait = self._retry_delay(delivery.attempt)
        if not wait:
            self._backlog.add(delivery)
            return
        until = self._around.clock.monotonic() + wait
        self._held_back.hold(delivery, until)
        self._around.alarm(until)

    def _return_lane(self, delivery: Delivery, lane: Lane) -> None:
        for rewound in lane.rewind(delivery):
            self._leases.end(rewound)
        wait = self._retry_delay(delivery.attempt)
        if wait:
            self._hold_lane(lane, self._around.clock.monotonic() + wait)
        else:
            self._backlog.place(lane)

    def _hold_lane(self, lane: Lane, until: float) -> None:
        self._backlog.hold(lane)
        self._held_back.hold(lane, until)
        self._around.alarm(until)

    def _release(self, held: Delivery | Lane) -> None:
        if isinstance(held, Lane):
            self._backlog.release(held)
        elif held.message.number in self.holding:
            self._backlog.add(held)
        self._notify()

    def _retry_delay(self, attempt: int) -> float:
        """Seconds until the next attempt: exponential between the bounds of the retry policy."""
        policy = self.config.retry_policy
        if policy.ByteSize():
            least, most = _seconds(policy.minimum_backoff) or 10.0, _seconds(policy.maximum_backoff) or 600.0
        elif self.config.push_config.push_endpoint:
            least, most = PUSH_BACKOFF
        else:
            return 0.0
        return float(min(most, least * 2 ** min(attempt - 1, 30)))

    def _finish(self, done: list[Delivery]) -> None:
        try:
            self._around.journal.acknowledge(self.uid, [delivery.message.number for delivery in done])
        finally:
            # If the disk is full the messages come again after a restart, which at-least-once allows.
            for delivery in done:
                self.holding.pop(delivery.message.number, None)
                self._drop(delivery)
            self._around.journal.reclaim()

    def _drop(self, delivery: Delivery) -> None:
        message = delivery.message
        message.release()
        if not message.waiting:
            self._around.forget(message)

    def _notify(self) -> None:
        for consumer in self._consumers:
            consumer.wake.set()


def _seconds(duration: "object") -> float:
    """Seconds of a protobuf Duration."""
    return float(getattr(duration, "seconds", 0)) + float(getattr(duration, "nanos", 0)) / 1e9


def _shuffle(deliveries: list[Delivery], faults: FaultStream) -> None:
    places = [i for i, d in enumerate(deliveries) if d.lane is None or faults.faults.break_order]
    for left, right in faults.swaps(len(places)):
        here, there = places[left], places[right]
        deliveries[here], deliveries[there] = deliveries[there], deliveries[here]
