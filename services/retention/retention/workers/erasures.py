"""The worker that carries a request for erasure from one state to the next.

    asked, a day ago   -> entry in the ledger -> ErasureRequested to all            = erasing
    all have erased    -> payments are ended  -> ErasureVerify to all               = verifying
    somebody has found -> ErasureVerify to all, once more
    nobody has found   -> retention's own rows are erased -> certificate           = completed

A step is made once or again, never half: what is outside (ledger, Stripe) takes a repetition for the same, what is inside is one
transaction under the claim's fence. Whoever dies leaves a lease that runs out. Between steps it waits for the services' reports, which wake
it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from cloud.ledger import Ledger
from contracts.erasing import Order
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database, Tx
from messaging.erasure import Erasing as OwnRows
from messaging.erasure import store as tombstones
from retention.certificates.print import pdf_of
from retention.certificates.signing import CertificateKeys, envelope
from retention.certificates.statement import Certified, ledger_entry, ledger_name, statement
from retention.domain.erasures import (
    ITSELF,
    Erasure,
    Part,
    Receipt,
    Stage,
    State,
    Verdict,
    is_erased,
    judge,
    with_receipt,
)
from retention.handlers.erasing import Erasing
from retention.store import erasures as store
from retention.store.erasures import Certificate, Claim, Due

log = logger("retention.erasures")


class Payments(Protocol):
    """What is paid for a workspace."""

    async def end(self, workspace_id: WorkspaceId) -> None:
        """Charge nothing any more. Again is fine. Raises Transient, Permanent."""


@dataclass(frozen=True, slots=True)
class ErasuresSettings:
    """Times are in seconds. The defaults: a lease outlives a step with its calls; a request that waits for services is looked at every ten
    minutes, whatever was heard; pauses after a failure grow from seconds to ten minutes."""

    at_once: int = 4
    lease_seconds: float = 180.0
    call_seconds: float = 120.0
    patience: float = 600.0
    first_delay: float = 5.0

    def delay_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.patience, self.first_delay * 2.0 ** min(failures, 20))


@dataclass(frozen=True, slots=True)
class ErasureWorker:
    """A round of `runtime.rounds`."""

    db: Database
    erasing: Erasing
    ledger: Ledger
    payments: Payments
    own: OwnRows
    keys: CertificateKeys
    clock: Clock = field(default_factory=SystemClock)
    settings: ErasuresSettings = field(default_factory=ErasuresSettings)

    async def once(self) -> bool:
        """Make the steps that are due now; False when none was. Raises Transient when the database is away."""
        await self._alarm()
        due = await store.due(self.db, self.settings.at_once)
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(self.step(one)) for one in due]
        return any(task.result() for task in made)

    async def step(self, due: Due) -> bool:
        """Make one request's next step; False when somebody else makes it."""
        with working_for(due.workspace_id, str(due.id)):
            async with self.db.workspace(due.workspace_id) as tx:
                claim = await store.claim(tx, due.id, self.settings.lease_seconds)
            if claim is None:
                return False
            reach("erasure.after_claim")
            try:
                async with asyncio.timeout(self.settings.call_seconds):
                    pause = await self._step(due.workspace_id, claim)
            except Exception as error:  # noqa: BLE001 - one request's surprise must not stop the others
                await self._put_off(due.workspace_id, claim, error)
                return True
            async with self.db.workspace(due.workspace_id) as tx:
                await store.rest(tx, claim, pause)
        return True

    async def _step(self, workspace_id: WorkspaceId, claim: Claim) -> float:
        """In how many seconds there is more to do, if nothing is reported before."""
        async with self.db.workspace(workspace_id) as tx:
            erasure = await store.lock(tx, claim.id)
            parts = await store.parts(tx, claim.id)
        if erasure is None:
            return self.settings.patience
        if erasure.state is State.ASKED:
            await self._begin(workspace_id, claim, erasure)
            return 0.0
        if erasure.state is State.ERASING:
            await self._end_payments(workspace_id, claim, erasure)
            if is_erased(parts):
                await self._verify(workspace_id, claim, erasure)
        if erasure.state is State.VERIFYING:
            verdict = judge(parts, erasure.attempt)
            if verdict is Verdict.LEFT:
                log.warning("an erasure has found something left and looks again", attempt=erasure.attempt)
                await self._verify(workspace_id, claim, erasure)
            if verdict is Verdict.NOTHING_LEFT and not await self._completed(workspace_id, claim, erasure):
                return self.own.settle_seconds
        return self.settings.patience

    async def _begin(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        await self.ledger.note(ledger_name(workspace_id, erasure), ledger_entry(workspace_id, erasure))
        reach("erasure.after_ledger")
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.start(tx, claim)
            reach("erasure.before_start_commit")

    async def _end_payments(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        if erasure.payments_ended_at is not None:
            return
        await self.payments.end(workspace_id)
        reach("erasure.after_payments")
        async with self.db.workspace(workspace_id) as tx:
            await store.end_payments(tx, claim)

    async def _verify(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.verify(tx, claim, erasure.attempt)
            reach("erasure.before_verify_commit")

    async def _completed(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> bool:
        """Erase retention's own part, and certify; False where transactions under way have to end first."""
        signers = await self.keys.signers()
        if not await self._erase_own(workspace_id, erasure):
            return False
        async with self.db.workspace(workspace_id) as tx:
            parts = await store.parts(tx, claim.id)
        now = self.clock.now()
        certified = Certified(workspace_id, erasure, parts, now, ledger_entry(workspace_id, erasure))
        signed = envelope(statement(certified), signers)
        pdf = await asyncio.to_thread(pdf_of, signed, [one.public.text for one in signers])
        async with self.db.workspace(workspace_id) as tx:
            await store.complete(tx, claim, now, Certificate(signed, pdf))
            reach("erasure.before_complete_commit")
        log.info("a workspace is erased", in_time=certified.in_time, verifications=erasure.attempt)
        return True

    async def _erase_own(self, workspace_id: WorkspaceId, erasure: Erasure) -> bool:
        """Retention's own part, the last of all, erased and reported as the others' are: what a second look still finds was left, and is
        gone then. False where transactions under way have to end first."""
        async with self.db.workspace(workspace_id) as tx:
            # Whatever comes for the workspace from now on is refused.
            await tombstones.freeze(tx, Order(str(erasure.id), erasure.terms.asked_at, erasure.terms.deadline))
        tombstone = await self.own.as_far_as_possible(workspace_id)
        if tombstone is None or tombstone.stage != "erased":
            return False
        async with self.db.workspace(workspace_id) as tx:
            emptied = await store.forget_people(tx)
            rows = {**tombstone.rows, **({"erasures": emptied} if emptied else {})}
            await self._note(tx, erasure, Receipt(service=ITSELF, stage=Stage.ERASED, at=self.clock.now(), rows=rows))
        reach("erasure.after_own_rows")
        left = await self.own.eraser.erase(workspace_id)
        async with self.db.workspace(workspace_id) as tx:
            looked = Receipt(
                service=ITSELF, stage=Stage.VERIFIED, at=self.clock.now(), left=left, attempt=erasure.attempt
            )
            part = await self._note(tx, erasure, looked)
        if part.left:
            raise NotErased("rows of the workspace were left in retention's own database; it is looked for again")
        return True

    async def _note(self, tx: Tx, erasure: Erasure, receipt: Receipt) -> Part:
        await store.lock(tx, erasure.id)
        [part] = [one for one in await store.parts(tx, erasure.id) if one.service == ITSELF]
        part = with_receipt(part, receipt)
        await store.keep_part(tx, erasure.id, part)
        return part

    async def _put_off(self, workspace_id: WorkspaceId, claim: Claim, error: Exception) -> None:
        why = str(error) if isinstance(error, CallmineError) else f"a step failed ({type(error).__name__})"
        seconds = self.settings.delay_after(claim.failures)
        async with self.db.workspace(workspace_id) as tx:
            await store.rest(tx, claim, seconds, claim.failures + 1, why)
        log.warning("a step of an erasure is put off", seconds=round(seconds), failures=claim.failures + 1)

    async def _alarm(self) -> None:
        """Tell staff of requests that take long, once each: the alert and its runbook go by this line."""
        for one in await store.slow(self.db, self.settings.at_once):
            with working_for(one.workspace_id, str(one.id)):
                async with self.db.workspace(one.workspace_id) as tx:
                    if await store.alarmed(tx, one.id):
                        log.error("an erasure is not done by the third business day")


class NotErased(CallmineError):
    """Something was left that should have been erased."""
