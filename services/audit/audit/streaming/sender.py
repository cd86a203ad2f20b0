"""Delivers the logs of all workspaces that have a stream: each in its order, a batch at a time, until it was taken.

    claim and read (one transaction) -> post -> record (one transaction)

A claim is a lease with a fence: one delivery of a workspace is in flight, whoever has died. The position moves in the transaction that
records that a batch was taken, and nowhere else: a batch whose end is not known is sent again, under the same id. Streams take turns by
how long they have waited, and what fails waits longer each time: no destination holds up another's for more than the time of a request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from msgspec import Struct

import core.log
from audit import events
from audit.log import store as log_store
from audit.streaming import store
from audit.streaming.items import Batch, read
from audit.streaming.posting import Post
from audit.streaming.signing import headers
from audit.streaming.stream import Attempt, Claim, Claimed, State, is_over, message_id, pause
from audit.streaming.vault import Vault
from contracts import Actor
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import CallmineError, Transient
from core.faultpoints import reach
from database import Database, Tx
from messaging import Outbox

log = core.log.logger("audit.streaming")

# What the vault's journal says that a grant was for.
PURPOSE = "stream"


class SenderSettings(Struct, frozen=True):
    """In seconds but for `at_once`: requests side by side, each with a batch in memory.

    `lease` is longer than a request may take; `unsigned` is how often the vault is asked for something to sign with that is not there.
    """

    at_once: int = 8
    lease: float = 60.0
    poll: float = 1.0
    unsigned: float = 300.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch that is about to be posted."""

    claimed: Claimed
    batch: Batch
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Sender:
    """One process' part in it; any number of them may run."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        vault: Vault,
        post: Post,
        settings: SenderSettings = SenderSettings(),  # noqa: B008 - frozen
        clock: Clock | None = None,
        chance: Random | None = None,
    ) -> None:
        """`post` sends one message; `chance` draws the pauses."""
        self._db = db
        self._outbox = outbox
        self._vault = vault
        self._post = post
        self._settings = settings
        self._clock = clock or SystemClock()
        self._chance = chance or Random()  # noqa: S311 - spreads load, protects nothing
        self._stirred = asyncio.Event()
        self._under_way = 0

    def wake(self) -> None:
        """There may be something to send: look now rather than at the next poll."""
        self._stirred.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is claimed again when its lease ends."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._stirred.clear()
                for claim in await self._claimed():
                    group.create_task(self._held(claim), name="audit.stream")
                await self._pause()

    async def once(self) -> int:
        """Deliver one batch of each stream that has its turn now; how many streams that were."""
        claims = await self._claimed()
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                group.create_task(self._held(claim))
        return len(claims)

    async def _claimed(self) -> list[Claim]:
        free = self._settings.at_once - self._under_way
        if free <= 0:
            return []
        try:
            async with self._db.sweep() as tx:
                claims = await store.claim(tx, free, self._settings.lease, self._clock.now())
        except Transient as error:
            log.warning("no stream could be claimed", cause=type(error).__name__)
            return []
        self._under_way += len(claims)
        return claims

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll):
                await self._stirred.wait()
        except TimeoutError:
            return

    async def _held(self, claim: Claim) -> None:
        """Nothing that goes wrong with one stream ends the others."""
        with working_for(claim.workspace_id):
            try:
                await self.deliver(claim)
            except CallmineError as error:
                log.warning("a stream is put off until its lease ends", cause=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - see above
                log.error("a delivery failed in a way nobody foresaw; it is tried again", error=error)
            finally:
                self._under_way -= 1
                self.wake()

    async def deliver(self, claim: Claim) -> None:
        """Deliver one batch, and record what became of it. No transaction is open while the endpoint is asked."""
        async with self._db.workspace(claim.workspace_id) as tx:
            delivery = await self._made(tx, claim)
            reach("audit.stream.before_claimed")
        if delivery is None:
            return
        reach("audit.stream.before_post")
        attempt = await self._post(delivery.claimed.url, delivery.headers, delivery.body)
        reach("audit.stream.after_post")
        async with self._db.workspace(claim.workspace_id) as tx:
            await self._record(tx, claim, delivery, attempt)
            reach("audit.stream.before_commit")
        reach("audit.stream.after_commit")

    async def _made(self, tx: Tx, claim: Claim) -> Delivery | None:
        """The batch to be posted; None where the claim is lost, or there is nothing to sign with."""
        claimed = await store.claimed(tx, claim)
        if claimed is None:
            return None
        now = self._clock.now()
        secrets = await self._vault.secrets(tx, PURPOSE)
        if secrets is None:
            await store.put_off(tx, claim, now + timedelta(seconds=self._settings.unsigned), now)
            return None
        batch = await self._batch(tx, claimed)
        await store.begin(tx, claim, batch.end)
        body = batch.body(tx.workspace_id, now)
        message = message_id(tx.workspace_id, batch.first, batch.end)
        return Delivery(claimed, batch, headers(secrets.all, message, int(now.timestamp()), body), body)

    async def _batch(self, tx: Tx, claimed: Claimed) -> Batch:
        """What was decided before is read whole, however large: it is the same batch."""
        if claimed.batch_end is not None:
            most = claimed.batch_end - claimed.next_index
            return await read(tx, claimed.next_index, claimed.batch_end, most, 1 << 40)
        return await read(tx, claimed.next_index, (await log_store.head(tx)).range.size)

    async def _record(self, tx: Tx, claim: Claim, delivery: Delivery, attempt: Attempt) -> None:
        now, batch = self._clock.now(), delivery.batch
        if attempt.delivered:
            await store.delivered(tx, claim, batch.first, batch.end, attempt, now)
            return
        claimed = delivery.claimed
        over = is_over(claimed, attempt, now)
        seconds = pause(claimed.attempts + 1, self._chance, attempt.retry_after)
        ended = await store.failed(tx, claim, attempt, now + timedelta(seconds=seconds), now, over=over)
        if ended is not None:
            log.info("a batch was not taken", status=attempt.status, attempts=claimed.attempts + 1, over=over)
        if ended is not None and over and ended[0] is State.FAILING:
            await self._tell(tx, ended[1])

    async def _tell(self, tx: Tx, version: int) -> None:
        """That it is not tried any more stands in the log itself, which can be read and pulled as before."""
        log.warning("a stream is given up until an admin resumes it")
        told = events.stream_changed(tx.workspace_id, {"audit_stream": "active"}, {"audit_stream": "failing"})
        await self._outbox.add(
            tx, told, aggregate_id=f"{tx.workspace_id}:audit-stream", sequence=version, actor=Actor(id="audit")
        )
