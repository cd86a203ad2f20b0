"""The consumer: a batch of deliveries in, effects exactly once, a verdict for each out.

A batch is one transaction. Its messages are grouped by workspace and the scope moves from group to group, never two at once: with a round
trip for each move, or, where a handler takes the events of all workspaces (`Routes.on_batch`), with one for all of them. Where that fails
it is done group by group. Where a group fails, the transaction is rolled back, the others are done without it, and the group's messages
one by one, so that poison parks alone.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager

from google.protobuf.message import Message
from msgspec import Struct, field

from contracts import Event
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import CallmineError, Gone, Permanent, Transient
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Batch, Database
from database.transaction import lost_connection
from messaging import store
from messaging.batch import Group, Letter, Unreadable, each_once, first_heard, groups_of, open_batch, runs_of
from messaging.breaker import Breaker, BreakerSettings
from messaging.ports import Delivery, Verdict
from messaging.routes import AnyBatchHandler, AnyOnceHandler, Routes
from messaging.store import Rejected
from telemetry import Kind, Span, batch_span
from telemetry.instruments import INBOX_BATCH_SECONDS, INBOX_MESSAGES

log = logger("messaging.consumer")

# So many groups of one batch are singled out before the whole batch is done one by one: each costs doing the others again.
_MOST_RERUNS = 3

# A transaction with fewer workspaces is not split.
_LEAST_GROUPS = 8

# Messages that are read before others have their turn: some milliseconds.
_OPENED_AT_ONCE = 500

# How many messages that failed unexpectedly are remembered, for brokers that do not count attempts.
_REMEMBERED_FAILURES = 10_000


class ConsumerSettings(Struct, frozen=True):
    """`most_attempts`: after so many, a message whose handler fails in a way nobody foresaw is parked; transient failures never are.

    `transactions`: a large batch is cut into so many, each with its own workspaces. The wait for the database is most of the time, and
    two waits side by side take as long as one.
    """

    most_attempts: int = 5
    transactions: int = 2
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


class _GroupFailed(Exception):
    """One workspace's part of a batch failed."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group


class Consumer:
    """Processes deliveries for one service; `name` is whose inbox it is."""

    def __init__(
        self,
        name: str,
        db: Database,
        routes: Routes,
        settings: ConsumerSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._db = db
        self._routes = routes
        self._settings = settings or ConsumerSettings()
        self._clock = clock or SystemClock()
        self._breaker = Breaker(self._settings.breaker)
        self._failures: OrderedDict[tuple[WorkspaceId, uuid.UUID], int] = OrderedDict()

    @property
    def halted(self) -> str:
        """Why it has stopped taking deliveries, for readiness checks; empty while it works."""
        return self._breaker.reason

    def resume(self) -> None:
        """Take deliveries again after it has halted."""
        self._breaker.close()

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """A verdict for each of `deliveries`, in their order. Never raises for what is in them."""
        verdicts = [Verdict.RETRY] * len(deliveries)
        if self.halted:
            return verdicts
        began = self._clock.monotonic()
        letters, unreadable = await _opened(deliveries)
        await self._process_letters(letters, verdicts)
        await self._park_unreadable(unreadable, verdicts)
        reach("consumer.after_commit")
        took = self._clock.monotonic() - began
        INBOX_BATCH_SECONDS.record(took, subscription=self._name)
        self._count(retried=verdicts.count(Verdict.RETRY))
        log.debug("batch processed", consumer=self._name, messages=len(deliveries), milliseconds=round(took * 1000))
        return verdicts

    async def replay(self, delivery: Delivery) -> str:
        """Process a parked message once more: empty when that went well, otherwise why it did not. Raises Transient."""
        letters, unreadable = open_batch([delivery])
        if unreadable:
            return unreadable[0].rejected.reason
        if not self._routes.hears(letters[0].event.type):
            return "nobody here listens to messages of this type"
        failure = await self._attempt(letters[0])
        if isinstance(failure, Transient):
            raise failure
        return _reason(failure) if failure is not None else ""

    async def _process_letters(self, letters: Sequence[Letter], verdicts: list[Verdict]) -> None:
        heard = [letter for letter in letters if self._routes.hears(letter.event.type)]
        self._count(ignored=len(letters) - len(heard))
        for letter in letters:
            verdicts[letter.position] = Verdict.ACK
        for letter in heard:
            verdicts[letter.position] = Verdict.RETRY
        async with asyncio.TaskGroup() as parts:
            for part in self._parts(groups_of(heard)):
                parts.create_task(self._process_part(part, verdicts))

    def _parts(self, groups: list[Group]) -> list[list[Group]]:
        """Large batches are several transactions side by side, each with its own workspaces; small ones are not worth a second commit."""
        count = max(1, min(self._settings.transactions, len(groups) // _LEAST_GROUPS))
        return [groups[start::count] for start in range(count)]

    async def _process_part(self, groups: list[Group], verdicts: list[Verdict]) -> None:
        try:
            done, failed = await self._together(groups)
        except Transient as error:
            log.warning("batch will be retried", cause=type(error).__name__)
            return
        for letter in (letter for group in done for letter in group.letters):
            verdicts[letter.position] = Verdict.ACK
        self._breaker.processed(sum(len(group.letters) for group in done))
        for group in failed:
            await self._one_by_one(group, verdicts)

    async def _together(self, groups: list[Group]) -> tuple[list[Group], list[Group]]:
        """Do `groups` in one transaction, leaving out those that fail; the groups done, and those to be done one by one.

        Raises Transient when the database is away.
        """
        if await self._at_once(groups):
            return groups, []
        failed: list[Group] = []
        while groups and len(failed) <= _MOST_RERUNS:
            try:
                await self._commit(groups)
            except _GroupFailed as failure:
                failed.append(failure.group)
                groups.remove(failure.group)
            except Transient:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, it is found and told one by one
                log.warning("batch rolled back, going on one by one", cause=type(error).__name__)
                break
            else:
                return groups, failed
        return [], [*failed, *groups]

    async def _at_once(self, groups: Sequence[Group]) -> bool:
        """Do all of `groups` in one transaction and a few round trips, where one handler takes them all; whether that was done.

        Raises Transient when the database is away.
        """
        types = {letter.event.type for group in groups for letter in group.letters}
        type_name = types.pop() if len(types) == 1 else ""
        handler = self._routes.batch_handler_of(type_name)
        if handler is None:
            return False
        try:
            async with self._db.batch() as batch:
                if (once := self._routes.once_handler_of(type_name)) is not None:
                    fresh = await self._done_once(batch, groups, once)
                else:
                    fresh = await self._done_fresh(batch, groups, handler)
                reach("consumer.after_effect")
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the group that it comes from is found and told
            log.info("batch rolled back, going on group by group", cause=type(error).__name__)
            return False
        self._count_done(groups, fresh)
        return True

    async def _done_fresh(self, batch: Batch, groups: Sequence[Group], handler: AnyBatchHandler) -> int:
        """Give `handler` what had not been heard before; how many events that were."""
        heard = {group.workspace_id: [letter.event.event_id for letter in group.letters] for group in groups}
        fresh = await store.hear_each(batch, self._name, heard)
        letters = {group.workspace_id: group.letters for group in groups}
        if fresh:
            events = {one: first_heard(letters[one], ids) for one, ids in fresh.items()}
            with self._processing([event for some in events.values() for event in some]):
                await handler(batch, events)
        return sum(map(len, fresh.values()))

    async def _done_once(self, batch: Batch, groups: Sequence[Group], handler: AnyOnceHandler) -> int:
        """Give `handler` all of it, each event once; how many it had not done before."""
        events = {group.workspace_id: each_once(group.letters) for group in groups}
        with self._processing([event for some in events.values() for event in some]):
            return await handler(batch, events)

    async def _commit(self, groups: Sequence[Group]) -> None:
        """All of `groups` in one transaction. Raises _GroupFailed from what went wrong in a group's part of it."""
        fresh = 0
        async with self._db.batch() as batch:
            for group in groups:
                try:
                    fresh += await self._apply(batch, group)
                except Exception as error:
                    raise _GroupFailed(group) from error
            reach("consumer.after_effect")
        self._count_done(groups, fresh)

    async def _apply(self, batch: Batch, group: Group) -> int:
        """The effects of what `group` brings that is new; how many events that were."""
        ids = [letter.event.event_id for letter in group.letters]
        tx, fresh = await store.enter_and_hear(batch, group.workspace_id, self._name, ids)
        events = first_heard(group.letters, fresh)
        for type_name, run in runs_of(events):
            with working_for(group.workspace_id, run[0].correlation_id), self._processing(run):
                if (over_all := self._routes.batch_handler_of(type_name)) is not None:
                    await over_all(batch, {group.workspace_id: run})
                    continue
                handler = self._routes.handler_of(type_name)
                assert handler is not None, "letters without a handler were left out"  # noqa: S101
                if not tx.is_open:
                    tx = await batch.enter(group.workspace_id)
                await handler(tx, run)
        return len(events)

    def _processing(self, events: Sequence[Event[Message]]) -> AbstractContextManager[Span]:
        """The work on `events`, all of one type, as a part of their traces."""
        type_name, traces = events[0].type, [event.traceparent for event in events]
        name, messages = f"process {type_name.rsplit('.', 1)[-1]}", len(events)
        return batch_span(
            name, Kind.CONSUMER, traces, subscription=self._name, message_type=type_name, messages=messages
        )

    def _count(self, **outcomes: int) -> None:
        for outcome, messages in outcomes.items():
            if messages:
                INBOX_MESSAGES.add(messages, subscription=self._name, outcome=outcome)

    def _count_done(self, groups: Sequence[Group], fresh: int) -> None:
        """What was committed of `groups`; the rest of it had been heard before."""
        self._count(done=fresh, duplicate=sum(len(group.letters) for group in groups) - fresh)

    async def _one_by_one(self, group: Group, verdicts: list[Verdict]) -> None:
        """Each letter in a transaction of its own; what follows a letter that must be retried in its lane is retried as well."""
        waiting: set[tuple[str, str]] = set()
        for letter in group.letters:
            if self.halted or letter.lane in waiting:
                waiting.add(letter.lane)
                continue
            verdicts[letter.position] = await self._single(letter)
            if verdicts[letter.position] is Verdict.RETRY:
                waiting.add(letter.lane)

    async def _single(self, letter: Letter) -> Verdict:
        failure = await self._attempt(letter)
        if failure is None:
            self._breaker.processed(1)
            self._failures.pop(_identity(letter), None)
            return Verdict.ACK
        if isinstance(failure, Transient):
            log.info("message will be retried", type=letter.event.type, cause=type(failure).__name__)
            return Verdict.RETRY
        if not isinstance(failure, Permanent):
            attempts = max(letter.delivery.attempt, self._count_failure(letter))
            log.error("handler failed", error=failure, type=letter.event.type, attempts=attempts)
            if attempts < self._settings.most_attempts:
                return Verdict.RETRY
        return await self._park(Rejected(letter.delivery, _reason(failure), letter.event.workspace_id))

    async def _attempt(self, letter: Letter) -> Exception | None:
        """Process one letter in a transaction of its own; what went wrong, None when nothing did."""
        try:
            await self._commit([Group(letter.event.workspace_id, [letter])])
        except _GroupFailed as failure:
            cause = failure.__cause__
            assert isinstance(cause, Exception), "a failed group always has a cause"  # noqa: S101
            return lost_connection(cause) or cause
        except Exception as error:  # noqa: BLE001 - handed back, and told apart by the caller
            return error
        return None

    def _count_failure(self, letter: Letter) -> int:
        count = self._failures.pop(_identity(letter), 0) + 1
        self._failures[_identity(letter)] = count
        if len(self._failures) > _REMEMBERED_FAILURES:
            self._failures.popitem(last=False)
        return count

    async def _park_unreadable(self, unreadable: Sequence[Unreadable], verdicts: list[Verdict]) -> None:
        for one in unreadable:
            if self.halted:
                return
            verdicts[one.position] = await self._park(one.rejected)

    async def _park(self, rejected: Rejected) -> Verdict:
        """Park a message; it is acknowledged only once it is safely parked."""
        try:
            async with self._db.sweep() as tx:
                await store.park_incoming(tx, [rejected])
        except Transient:
            return Verdict.RETRY
        except Gone:
            # Its workspace was frozen this very moment: nothing is kept of it any more.
            return Verdict.ACK
        self._count(parked=1)
        log.error(
            "message parked: see `parked list`", subscription=rejected.delivery.subscription, reason=rejected.reason
        )
        if self._breaker.parked():
            log.error("consumer halted, it takes no more messages", consumer=self._name, reason=self.halted)
        return Verdict.ACK


async def _opened(deliveries: Sequence[Delivery]) -> tuple[list[Letter], list[Unreadable]]:
    """What can be read, and what cannot. Reading is computing: in a large batch others have their turn in between."""
    letters, unreadable = open_batch(deliveries[:_OPENED_AT_ONCE])
    for first in range(_OPENED_AT_ONCE, len(deliveries), _OPENED_AT_ONCE):
        await asyncio.sleep(0)
        more, worse = open_batch(deliveries[first : first + _OPENED_AT_ONCE], first)
        letters += more
        unreadable += worse
    return letters, unreadable


def _identity(letter: Letter) -> tuple[WorkspaceId, uuid.UUID]:
    """An event's id is its producer's choice: only with the workspace it names one event."""
    return letter.event.workspace_id, letter.event.event_id


def _reason(failure: Exception) -> str:
    """Why a message is parked. The text of an error of our own quotes no content; of any other error only the class is kept."""
    if isinstance(failure, CallmineError):
        return str(failure) or type(failure).__name__
    return f"its handler fails with {type(failure).__name__}"
