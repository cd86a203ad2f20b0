"""One schedule: producers, two relays and a consumer take turns as the seed says, and die at named points."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from chaos.delivery.broker import Faults, SeededBroker, SeededPublisher
from chaos.delivery.consumers import FlakyHandler
from chaos.delivery.danger import Crash, Danger, only_crashes
from chaos.delivery.producers import Producers
from core.clock import Clock
from core.errors import Conflict, Transient
from database import Database
from messaging import Consumer, ConsumerSettings, Delivery, Parked, Publisher, Relay, RelaySettings, Verdict
from messaging.breaker import BreakerSettings
from testkit.clock import SimulatedClock

RELAY_POINTS = ("relay.before_publish", "relay.after_publish", "relay.after_delete")
CONSUMER_POINTS = ("consumer.after_effect", "consumer.after_commit")
PRODUCER_POINTS = ("outbox.before_commit",)

LEASE_SECONDS = 30.0

MakeRelay = Callable[[Database, Publisher, RelaySettings, Clock], Relay]


@dataclass(slots=True)
class RelayProcess:
    """A relay that is started again when it dies."""

    relay: Relay
    publisher: SeededPublisher
    busy: bool = False


@dataclass(slots=True)
class World:
    """All that takes part in one schedule. The database is shared with other schedules, its workspaces are not."""

    db: Database
    number: int
    rng: random.Random
    make_relay: MakeRelay = Relay
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    crashes: int = 0
    poisoned: set[str] = field(default_factory=set)
    broker: SeededBroker = field(init=False)
    producers: Producers = field(init=False)
    handler: FlakyHandler = field(init=False)
    consumer: Consumer = field(init=False)
    relays: dict[str, RelayProcess] = field(init=False)
    settings: RelaySettings = field(init=False)
    crash_chance: float = field(init=False)
    poison_chance: float = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        self.broker = SeededBroker(rng, self.clock.monotonic, Faults.drawn(rng))
        self.producers = Producers(self.db, rng, self.number)
        self.handler = FlakyHandler(rng, trouble=rng.choice([0.0, 0.0, 0.05, 0.2]))
        self.settings = RelaySettings(
            lease_seconds=LEASE_SECONDS,
            batch_events=rng.choice([1, 5, 20, 100]),
            concurrency=rng.choice([1, 1, 2, 8]),
            most_attempts=10_000,
        )
        self.crash_chance = rng.choice([0.0, 0.1, 0.3, 0.6])
        self.poison_chance = rng.choice([0.0, 0.0, 0.1])
        self.consumer = self._new_consumer()
        self.relays = {name: self._new_relay(name) for name in ("first", "second")}

    async def run(self) -> None:
        """A time of trouble, then calm until everything has settled."""
        for _ in range(self.rng.randint(15, 40)):
            await self._turn("")
        await self._settle()

    async def close(self) -> None:
        """Leave the outbox's lease free for the next schedule."""
        await self._pass_time(LEASE_SECONDS * 2)

    async def _turn(self, excluded: str) -> None:
        """One actor does one thing. `excluded` is a relay that hangs."""
        actors: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (5, self._produce),
            (1, lambda: self._relay("first", excluded)),
            (1, lambda: self._relay("second", excluded)),
            (4, self._consume),
            (1, self._wait),
        ]
        weights, choices = zip(*actors, strict=True)
        await self.rng.choices(choices, weights)[0]()

    async def _produce(self) -> None:
        with self._danger(PRODUCER_POINTS):
            try:
                await self.producers.turn()
            except Crash:
                self.crashes += 1
        if self.producers.announced and self.rng.random() < self.poison_chance:
            event_id = str(self.producers.announced[-1].event_id)
            self.poisoned.add(event_id)
            self.broker.poison.add(event_id)

    async def _relay(self, name: str, excluded: str = "") -> None:
        process = self.relays[name]
        if name == excluded or process.busy:
            return
        process.busy = True
        process.publisher.since = len(self.broker.begun)
        with self._danger(RELAY_POINTS):
            try:
                await process.relay.step()
            except Transient:
                pass
            except (Crash, BaseExceptionGroup) as death:
                only_crashes(death)
                self.crashes += 1
                self.relays[name] = self._new_relay(name)
        process.busy = False

    async def _consume(self) -> None:
        batches = [
            batch for _ in range(self.rng.choice([1, 1, 2])) if (batch := self.broker.take(self.rng.randint(1, 12)))
        ]
        with self._danger(CONSUMER_POINTS):
            outcomes = await asyncio.gather(*(self.consumer.process(b) for b in batches), return_exceptions=True)
        for batch, outcome in zip(batches, outcomes, strict=True):
            self._report(batch, outcome)

    def _report(self, batch: list[Delivery], outcome: list[Verdict] | BaseException) -> None:
        if isinstance(outcome, Crash | BaseExceptionGroup):
            only_crashes(outcome)
            self.crashes += 1
            self.consumer = self._new_consumer()
            self.broker.give_back(batch)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            self.broker.give_back([d for d, verdict in zip(batch, outcome, strict=True) if verdict is Verdict.RETRY])

    async def _wait(self) -> None:
        await self._pass_time(self.rng.choice([0.5, 5.0, LEASE_SECONDS * 1.5]))

    async def _meanwhile(self, relay: str) -> float:
        """A publication of `relay` hangs; the others go on, perhaps past its lease. How long it hung, in seconds."""
        began = self.clock.monotonic()
        await self._pass_time(self.rng.choice([1.0, 12.0, LEASE_SECONDS * 1.2]))
        for _ in range(self.rng.randint(1, 4)):
            await self._relay("second" if relay == "first" else "first")
        return self.clock.monotonic() - began

    async def _pass_time(self, seconds: float) -> None:
        """The database's time first: a lease renewed in between must not end there before its relay believes that it does."""
        async with self.db.sweep() as tx:
            await tx.execute("time_passes", seconds=seconds)
        await self.clock.advance(seconds)

    async def _settle(self) -> None:
        """No more faults: everything that was committed has to arrive."""
        self.broker.faults = Faults(0, 0, 0, 0, 0, 0)
        self.crash_chance = 0.0
        self.broker.poison.clear()
        self.handler.calm()
        await self.producers.finish()
        for _ in range(100):
            await self._pass_time(LEASE_SECONDS * 2)
            for name in self.relays:
                await self._relay(name)
            await self._consume()
            await self._replay_parked()
            if not self.broker.waiting and not await self._backlog():
                return

    async def _backlog(self) -> int:
        async with self.db.sweep() as tx:
            return int(str(await tx.fetch_value("outbox_count")))

    async def _replay_parked(self) -> None:
        """As an operator would, and twice, as operators do."""
        parked = Parked(self.db, {"analysis.calls": self.consumer})
        for message in await parked.list():
            await parked.replay(message.id)
            try:
                await parked.replay(message.id)
            except Conflict:
                continue
            raise AssertionError("a message was replayed twice")

    def _new_relay(self, name: str) -> RelayProcess:
        publisher = SeededPublisher(self.broker, name, self._meanwhile)
        return RelayProcess(self.make_relay(self.db, publisher, self.settings, self.clock), publisher)

    def _new_consumer(self) -> Consumer:
        settings = ConsumerSettings(breaker=BreakerSettings(least=10**9))
        return Consumer("analysis", self.db, self.handler.routes(), settings, self.clock)

    def _danger(self, points: tuple[str, ...]) -> Danger:
        """Perhaps the process dies at one of `points`, the first time or a later one."""
        if self.rng.random() >= self.crash_chance:
            return Danger("", 0)
        return Danger(self.rng.choice(points), self.rng.choice([1, 1, 2, 3]))
