"""The worker that carries a request for erasure from one state to the next, whatever is to be erased.

A step is made once or again, never half: what is outside (ledger, Stripe) takes a repetition for the same, what is inside is one
transaction under the claim's fence. Whoever dies leaves a lease that runs out. Between steps it waits for the services' reports, which wake
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from cloud.ledger import Ledger
from core.clock import Clock, SystemClock
from core.context import working_for
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from database import Database
from retention.certificates.print import pdf_of
from retention.certificates.signing import CertificateKeys, envelope
from retention.certificates.statement import Certified, digest_of, ledger_entry, ledger_name, statement
from retention.domain.erasures import Erasure, State, Verdict, is_erased, judge
from retention.handlers.requests import Requesting
from retention.store.requests import Certificate, Claim, Due

log = logger("retention.erasures")


class ErasuresSettings(Struct, frozen=True):
    """Times are in seconds. The defaults: a lease outlives a step with its calls; a request that waits for services is looked at every ten
    minutes, whatever was heard; pauses after a failure grow from seconds to ten minutes."""

    at_once: int = 4
    lease_seconds: float = 180.0
    call_seconds: float = 120.0
    patience: float = 600.0
    settle_seconds: float = 1.0
    first_delay: float = 5.0

    def delay_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.patience, self.first_delay * 2.0 ** min(failures, 20))


@dataclass(frozen=True, slots=True)
class RequestWorker:
    """A round of `runtime.rounds`. What of a step is a scope's own is left to who inherits: `allowed`, `pending` and `finished`."""

    db: Database
    erasing: Requesting
    ledger: Ledger
    keys: CertificateKeys
    clock: Clock = field(default_factory=SystemClock, kw_only=True)
    settings: ErasuresSettings = field(default_factory=ErasuresSettings, kw_only=True)

    async def once(self) -> bool:
        """Make the steps that are due now; False when none was. Raises Transient when the database is away."""
        await self._alarm()
        due = await self.erasing.requests.due(self.db, self.settings.at_once)
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(self.step(one)) for one in due]
        return any(task.result() for task in made)

    async def step(self, due: Due) -> bool:
        """Make one request's next step; False when somebody else makes it."""
        requests = self.erasing.requests
        with working_for(due.workspace_id, str(due.id)):
            async with self.db.workspace(due.workspace_id) as tx:
                claim = await requests.claim(tx, due.id, self.settings.lease_seconds)
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
                await requests.rest(tx, claim, pause)
        return True

    async def allowed(self, workspace_id: WorkspaceId) -> bool:
        """Whether the request may be carried on now."""
        del workspace_id
        return True

    async def pending(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        """Do what is retention's own while the services erase. Again is fine."""

    async def finished(self, workspace_id: WorkspaceId, erasure: Erasure) -> bool:
        """Do what is retention's own once nothing is left elsewhere; False where it has to be waited for. Again is fine."""
        del workspace_id, erasure
        return True

    def entries(self, workspace_id: WorkspaceId, erasure: Erasure) -> Mapping[str, str]:
        """The request's entries in the ledger: the SHA-256 of each, by its name."""
        return {ledger_name(workspace_id, erasure): digest_of(ledger_entry(workspace_id, erasure))}

    async def _step(self, workspace_id: WorkspaceId, claim: Claim) -> float:
        """In how many seconds there is more to do, if nothing is reported before."""
        requests = self.erasing.requests
        async with self.db.workspace(workspace_id) as tx:
            erasure = await requests.lock(tx, claim.id)
            parts = await requests.parts(tx, claim.id)
        if erasure is None or not await self.allowed(workspace_id):
            return self.settings.patience
        if erasure.state is State.ASKED:
            await self._begin(workspace_id, claim, erasure)
            return 0.0
        if erasure.state is State.ERASING:
            await self.pending(workspace_id, claim, erasure)
            if is_erased(parts, self.erasing.told):
                await self._verify(workspace_id, claim, erasure)
        if erasure.state is State.VERIFYING:
            verdict = judge(parts, erasure.attempt, self.erasing.told)
            if verdict is Verdict.LEFT:
                log.warning("an erasure has found something left and looks again", attempt=erasure.attempt)
                await self._verify(workspace_id, claim, erasure)
            if verdict is Verdict.NOTHING_LEFT:
                if not await self.finished(workspace_id, erasure):
                    return self.settings.settle_seconds
                await self._complete(workspace_id, claim, erasure)
        return self.settings.patience

    async def _begin(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        await self.ledger.note(ledger_name(workspace_id, erasure), ledger_entry(workspace_id, erasure))
        reach("erasure.after_ledger")
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.start(tx, claim)
            reach("erasure.before_start_commit")

    async def _verify(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.verify(tx, claim, erasure.attempt)
            reach("erasure.before_verify_commit")

    async def _complete(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        signers = await self.keys.signers()
        async with self.db.workspace(workspace_id) as tx:
            parts = await self.erasing.requests.parts(tx, claim.id)
        now = self.clock.now()
        certified = Certified(workspace_id, erasure, parts, now, self.entries(workspace_id, erasure))
        signed = envelope(statement(certified), signers)
        pdf = await asyncio.to_thread(pdf_of, signed, [one.public.text for one in signers])
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.complete(tx, claim, now, Certificate(signed, pdf))
            reach("erasure.before_complete_commit")
        log.info("erased", what=erasure.scope.value, in_time=certified.in_time, verifications=erasure.attempt)

    async def _put_off(self, workspace_id: WorkspaceId, claim: Claim, error: Exception) -> None:
        why = str(error) if isinstance(error, CallmineError) else f"a step failed ({type(error).__name__})"
        seconds = self.settings.delay_after(claim.failures)
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.requests.rest(tx, claim, seconds, claim.failures + 1, why)
        log.warning("a step of an erasure is put off", seconds=round(seconds), failures=claim.failures + 1)

    async def _alarm(self) -> None:
        """Tell staff of requests that take long, once each: the alert and its runbook go by this line."""
        requests = self.erasing.requests
        for one in await requests.slow(self.db, self.settings.at_once):
            with working_for(one.workspace_id, str(one.id)):
                async with self.db.workspace(one.workspace_id) as tx:
                    if await requests.alarmed(tx, one.id):
                        log.error("an erasure is not done by the third business day")
