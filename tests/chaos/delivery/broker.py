"""A broker in memory that does all that at-least-once delivery allows, as a seed decides."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contracts import unpack
from core.errors import Permanent, Transient
from messaging import Delivery, OutgoingMessage

SUBSCRIPTION = "analysis.calls"


@dataclass(slots=True)
class Waiting:
    """A delivery to be made, not before `due`."""

    delivery: Delivery
    due: float


@dataclass(slots=True)
class Stored:
    """A publication that the broker accepted."""

    relay: str
    event_id: str
    lane: str
    sequence: int


@dataclass(slots=True)
class Faults:
    """Chances of each misfortune."""

    lost_request: float
    lost_reply: float
    stall: float
    duplicate: float
    delay: float
    shuffle: float

    @classmethod
    def drawn(cls, rng: random.Random) -> Faults:
        """Some schedules are rough, some are calm."""
        return cls(*(rng.choice([0.0, 0.1, 0.25, 0.5]) for _ in range(6)))


@dataclass(slots=True)
class SeededBroker:
    """Stores publications and hands out deliveries; notes publications that a fenced relay would never have begun."""

    rng: random.Random
    now: Callable[[], float]
    faults: Faults
    log: list[Stored] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    stale: list[str] = field(default_factory=list)

    def store(self, relay: str, messages: Sequence[OutgoingMessage]) -> None:
        """Accept `messages`, and plan their deliveries."""
        for message in messages:
            event = unpack(message.body, message.attributes)
            self.log.append(Stored(relay, str(event.event_id), message.ordering_key, event.sequence))
            for _ in range(2 if self.rng.random() < self.faults.duplicate else 1):
                self._plan(message)

    def _plan(self, message: OutgoingMessage) -> None:
        delay = self.rng.uniform(0, 20) if self.rng.random() < self.faults.delay else 0.0
        delivery = Delivery(
            f"m{len(self.log)}", message.body, message.attributes, message.ordering_key, 1, SUBSCRIPTION
        )
        self.waiting.append(Waiting(delivery, self.now() + delay))

    def take(self, most: int) -> list[Delivery]:
        """Up to `most` deliveries that are due, in order or not."""
        due = [waiting for waiting in self.waiting if waiting.due <= self.now()]
        if self.rng.random() < self.faults.shuffle:
            self.rng.shuffle(due)
        taken = due[:most]
        self.waiting = [waiting for waiting in self.waiting if waiting not in taken]
        return [waiting.delivery for waiting in taken]

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver again, soon."""
        self.waiting.extend(Waiting(delivery, self.now()) for delivery in deliveries)

    def begin(self, relay: str, since: int, lane: str) -> None:
        """A relay begins a publication; `since` is how many had been begun when it claimed.

        If another relay has begun one in the same lane since then, this one goes on without its lease.
        """
        if any(lane == other_lane and relay != other for other, other_lane in self.begun[since:]):
            self.stale.append(f"{relay} began to publish in {lane} after another relay had taken over")
        self.begun.append((relay, lane))


@dataclass(slots=True)
class SeededPublisher:
    """One relay's way to the broker. `meanwhile` lets the rest of the world go on while a publication hangs."""

    broker: SeededBroker
    relay: str
    meanwhile: Callable[[str], Awaitable[float]]
    since: int = 0

    async def publish(self, topic: str, messages: Sequence[OutgoingMessage], timeout: float) -> None:  # noqa: ASYNC109
        """Store `messages`, or fail in one of the ways a network can fail; the topic plays no part."""
        broker = self.broker
        broker.begin(self.relay, self.since, messages[0].ordering_key)
        if any(message.attributes["ce-id"] in broker.poison for message in messages):
            raise Permanent("refused by the broker")
        fate = broker.rng.random()
        if fate < broker.faults.lost_request:
            raise Transient("the request was lost")
        late = broker.rng.random() < broker.faults.stall
        early = not late or broker.rng.random() < 0.5
        if early:
            broker.store(self.relay, messages)
        waited = await self.meanwhile(self.relay) if late else 0.0
        if not early:
            broker.store(self.relay, messages)
        if waited > timeout or fate < broker.faults.lost_request + broker.faults.lost_reply:
            raise Transient("the reply was lost")
