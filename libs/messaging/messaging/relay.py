"""The relay: moves committed events from the outbox to the broker, in order within a key, at least once.

One relay is active per outbox; others stand by for its lease. It claims the oldest events, publishes many keys at once and each key in
order, and deletes what the broker has stored. A key that fails waits and holds back nothing but itself; an event that can never be
published is parked. Deleting, counting and parking are all refused to a relay whose lease another one has taken.
"""

from __future__ import annotations

import asyncio
import random
import uuid

from msgspec import Struct, field

from core.clock import Clock, SystemClock
from core.errors import Gone, Permanent, Transient
from core.faultpoints import reach
from core.log import logger
from database import Database
from messaging import store
from messaging.agreement import outgoing_disagreement
from messaging.lanes import Lane, lanes_of, message_of, requests_of
from messaging.lease import Lease, LeaseLost
from messaging.ports import Publisher
from messaging.store import ClaimedRow
from telemetry import Kind, batch_span
from telemetry.instruments import OUTBOX_PUBLISHED

log = logger("messaging.relay")


class RelaySettings(Struct, frozen=True):
    """How the relay works; all times are in seconds.

    The defaults: a lease outlives three publish time-outs, and is how long events wait when the relay's process is killed; a claim of
    5,000 small events is about 2 MB; after 30 attempts, the last ones a minute apart, a key has failed for about 20 minutes while others
    went through.
    """

    lease: str = "outbox"
    lease_seconds: float = 10.0
    publish_timeout: float = 3.0
    poll_seconds: float = 0.5
    batch_events: int = 5000
    batch_bytes: int = 16_000_000
    concurrency: int = 64
    most_attempts: int = 30
    first_delay: float = 0.5
    longest_delay: float = 60.0

    def delay_after(self, attempts: int) -> float:
        """Seconds to wait after so many failed attempts: doubling, with jitter so that keys do not come back together."""
        delay = min(self.longest_delay, self.first_delay * 2.0 ** min(attempts, 30))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, protects nothing


class _Outcome(Struct):
    """What became of the claimed events: row ids, hopeless ones with their reason."""

    published: list[int] = field(default_factory=list)
    failed: list[ClaimedRow] = field(default_factory=list)
    hopeless: dict[int, str] = field(default_factory=dict)
    cause: Transient | None = None

    @property
    def outage(self) -> bool:
        """Whether nothing at all went through: then the broker is away, and no event is to blame."""
        return bool(self.failed) and not self.published and not self.hopeless


class Relay:
    """Run one in each process of a service; they agree among themselves on who is active."""

    def __init__(
        self, db: Database, publisher: Publisher, settings: RelaySettings | None = None, clock: Clock | None = None
    ) -> None:
        self._db = db
        self._publisher = publisher
        self._settings = settings or RelaySettings()
        self._clock = clock or SystemClock()
        holder = str(uuid.uuid4())
        self._lease = Lease(db, self._clock, self._settings.lease, holder, self._settings.lease_seconds)
        self._woken = asyncio.Event()
        self._working = asyncio.Lock()

    @property
    def active(self) -> bool:
        """Whether this relay holds the lease."""
        return self._lease.held

    def wake(self) -> None:
        """Say that there may be something to publish. Only a hint: polling finds it as well."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled; then give the lease back."""
        failures = 0
        try:
            while True:
                self._woken.clear()
                try:
                    published = await self.step()
                    failures = 0
                except Transient as error:
                    failures += 1
                    log.warning("relay waits", cause=type(error).__name__, failures=failures)
                    await self._clock.sleep(self._settings.delay_after(failures))
                    continue
                if not published:
                    await self._idle()
        finally:
            await self._give_back()

    async def drain(self) -> int:
        """Publish all that is due now; how many events. 0 as well when another relay is active, which does the same."""
        total = 0
        while published := await self.step():
            total += published
        return total

    async def step(self) -> int:
        """One round: claim, publish, settle; how many events left the outbox. Raises Transient when the broker or the database is away."""
        async with self._working:
            if not await self._lease.acquire():
                return 0
            rows = await self._claim()
            if not rows:
                return 0
            outcome = _Outcome()
            try:
                await self._publish_all(_refuse_disagreeing(rows, outcome), outcome)
            except asyncio.CancelledError:
                await self._settle(outcome)
                raise
            await self._settle(outcome)
            if outcome.outage:
                raise outcome.cause or Transient("nothing could be published; it will be tried again")
            return len(outcome.published) + len(outcome.hopeless)

    async def backlog(self) -> store.Backlog:
        """What waits in the outbox, for metrics and alerts."""
        async with self._db.sweep() as tx:
            return await store.outbox_backlog(tx)

    async def _claim(self) -> list[ClaimedRow]:
        async with self._db.sweep() as tx:
            return await store.claim_outbox(
                tx, self._lease.hold, self._settings.batch_events, self._settings.batch_bytes
            )

    async def _publish_all(self, rows: list[ClaimedRow], outcome: _Outcome) -> None:
        """Publish all lanes, several at once. A lost lease stops every lane before its next request."""
        lanes = lanes_of(rows)
        waiting = iter(lanes)

        async def work() -> None:
            for lane in waiting:
                try:
                    await self._publish_lane(lane, outcome)
                except LeaseLost:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.concurrency, len(lanes))):
                group.create_task(work())

    async def _publish_lane(self, lane: Lane, outcome: _Outcome) -> None:
        """Publish one key's events in order, up to the first request that fails."""
        for request in requests_of(lane):
            try:
                await self._publish(request)
            except LeaseLost:
                raise
            except Permanent as error:
                if not await self._publish_singly(request, error, outcome):
                    return
            except Transient as error:
                self._note_failure(request, error, outcome)
                return
            else:
                outcome.published.extend(row.id for row in request)

    async def _publish_singly(self, request: Lane, error: Permanent, outcome: _Outcome) -> bool:
        """Find the hopeless events of a refused request, and publish the others. False when the lane must wait."""
        if len(request) == 1:
            outcome.hopeless[request[0].id] = str(error)
            return True
        for row in request:
            try:
                await self._publish([row])
                outcome.published.append(row.id)
            except Permanent as hopeless:
                outcome.hopeless[row.id] = str(hopeless)
            except LeaseLost:
                raise
            except Transient as transient:
                self._note_failure([row], transient, outcome)
                return False
        return True

    def _note_failure(self, request: Lane, error: Transient, outcome: _Outcome) -> None:
        outcome.cause = error
        outcome.failed.extend(request)

    async def _publish(self, request: Lane) -> None:
        """Publish one request within what is left of the lease."""
        settings = self._settings
        left = await self._lease.keep(settings.lease_seconds / 3)
        limit = min(settings.publish_timeout, left * 0.9)
        reach("relay.before_publish")
        topic = request[0].topic
        traces = [row.attributes.get("traceparent", "") for row in request]
        with batch_span(f"publish {topic}", Kind.PRODUCER, traces, topic=topic, messages=len(request)):
            try:
                async with asyncio.timeout(limit):
                    await self._publisher.publish(topic, [message_of(row) for row in request], limit)
            except TimeoutError as error:
                raise Transient(f"the broker did not answer within {limit:.1f} s") from error
        OUTBOX_PUBLISHED.add(len(request), topic=topic)
        reach("relay.after_publish")

    async def _settle(self, outcome: _Outcome) -> None:
        """Record what became of the events; one transaction, refused as a whole when the lease is another relay's."""
        delays = {} if outcome.outage else self._give_up_or_wait(outcome)
        while True:
            try:
                await self._record(outcome, delays)
                break
            except Gone:
                # A workspace was frozen this very moment, and its hopeless events may not be kept. Nothing is recorded yet; who looks again
                # sees the tombstone and drops them.
                log.info("a workspace was frozen while its events were parked")
        reach("relay.after_delete")
        if outcome.hopeless:
            log.error("events could not be published and were parked: see `parked list`", events=len(outcome.hopeless))

    async def _record(self, outcome: _Outcome, delays: dict[int, float]) -> None:
        hold = self._lease.hold
        async with self._db.sweep() as tx:
            if outcome.published:
                await store.delete_published(tx, hold, outcome.published)
            if delays:
                await store.record_failures(tx, hold, delays)
            if outcome.hopeless:
                await store.park_outgoing(tx, hold, outcome.hopeless)

    def _give_up_or_wait(self, outcome: _Outcome) -> dict[int, float]:
        """Seconds to hold back each failed event; those that failed too often become hopeless."""
        delays: dict[int, float] = {}
        for row in outcome.failed:
            if row.attempts + 1 >= self._settings.most_attempts:
                outcome.hopeless[row.id] = f"given up after {row.attempts + 1} attempts while others went through"
            else:
                delays[row.id] = self._settings.delay_after(row.attempts)
        return delays

    async def _idle(self) -> None:
        """Wait for a hint or for the next poll, whichever comes first."""
        sleeping = asyncio.ensure_future(self._clock.sleep(self._settings.poll_seconds))
        hinted = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((sleeping, hinted), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            hinted.cancel()

    async def _give_back(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._lease.release()
        except (Transient, TimeoutError) as error:
            log.warning("relay lease not given back, it will run out", cause=type(error).__name__)


def _refuse_disagreeing(rows: list[ClaimedRow], outcome: _Outcome) -> list[ClaimedRow]:
    """Leave out events whose row, attributes and body do not tell the same: they are never published."""
    for row in rows:
        reason = outgoing_disagreement(
            row.workspace_id, row.event_id, row.topic, row.ordering_key, row.body, row.attributes
        )
        if reason:
            outcome.hopeless[row.id] = reason
    return [row for row in rows if row.id not in outcome.hopeless]
