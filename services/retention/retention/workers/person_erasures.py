"""The worker that carries a request to erase one person's data from one attempt to the next.

asked, a day ago     -> PersonSearchRequested to ingest, which holds what it finds        = erasing
ingest has answered  -> entry in the ledger -> PersonErasureRequested to all; retention's own rows are erased
all have answered    -> the next attempt, at once where there are more calls, or else when who was at work is done   = verifying
nothing new, nothing erased, in a second attempt or later -> certificate                 = completed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.faultpoints import reach
from core.ids import WorkspaceId
from core.log import logger
from messaging.erasure.people import PersonErasing as OwnRows
from retention.certificates.statement import digest_of, ledger_entry, ledger_name
from retention.domain.erasures import ITSELF, Erasure, Part, Person, State
from retention.domain.people import Found, is_answered, is_entered, is_over, with_found
from retention.handlers.person_erasing import PersonErasing, order_of
from retention.store import erasures as workspaces
from retention.store import person_requests as store
from retention.store.requests import Claim
from retention.workers.requests import RequestWorker

# For so many seconds after all was erased nobody looks again: who was writing then has lost its claim by the end of it.
SETTLING = 600.0

log = logger("retention.erasures")


@dataclass(frozen=True, slots=True)
class PersonErasureWorker(RequestWorker):
    """A round of `runtime.rounds`."""

    erasing: PersonErasing
    own: OwnRows
    settling: float = field(default=SETTLING, kw_only=True)

    async def allowed(self, workspace_id: WorkspaceId) -> bool:
        """Not while the whole workspace is being erased: nobody answers, and the request ends with it."""
        async with self.db.workspace(workspace_id) as tx:
            whole = await workspaces.latest(tx)
        return whole is None or whole.started_at is None

    def entries(self, workspace_id: WorkspaceId, erasure: Erasure) -> Mapping[str, str]:
        """The request's entries in the ledger, of each attempt that knew something new."""
        person = erasure.person or Person()
        return {ledger_name(workspace_id, erasure, attempt): it for attempt, it in sorted(person.ledger.items())}

    async def _step(self, workspace_id: WorkspaceId, claim: Claim) -> float:
        async with self.db.workspace(workspace_id) as tx:
            erasure = await store.lock(tx, claim.id)
            parts = await store.parts(tx, claim.id)
        if erasure is None or erasure.person is None or not await self.allowed(workspace_id):
            return self.settings.patience
        if erasure.state is State.ASKED:
            async with self.db.workspace(workspace_id) as tx:
                await self.erasing.start(tx, claim)
                reach("erasure.before_start_commit")
            return 0.0
        if erasure.state not in {State.ERASING, State.VERIFYING}:
            return self.settings.patience
        return await self._attempt(workspace_id, claim, erasure, erasure.person, parts)

    async def _attempt(
        self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure, person: Person, parts: list[Part]
    ) -> float:
        """Carry an attempt on; in how many seconds there is more to do, if nothing is reported before."""
        if person.found_attempt < erasure.attempt:
            return self.settings.patience if person.email else await self._known(workspace_id, erasure, person)
        if person.told_attempt < erasure.attempt:
            await self._order(workspace_id, claim, erasure)
            return 0.0
        if any(one.service == ITSELF and one.attempt < erasure.attempt for one in parts):
            return await self._own(workspace_id, erasure)
        if not is_answered(parts, erasure.attempt):
            return self.settings.patience
        if is_over(erasure, parts):
            await self._complete(workspace_id, claim, erasure)
            return self.settings.patience
        return await self._next(workspace_id, claim, erasure, person)

    async def _known(self, workspace_id: WorkspaceId, erasure: Erasure, person: Person) -> float:
        """Whom the ledger does not name nobody can look for: what is known is looked for again."""
        nothing = Found(erasure_id=erasure.id, attempt=erasure.attempt)
        async with self.db.workspace(workspace_id) as tx:
            await store.found(tx, erasure.id, with_found(person, nothing))
        return 0.0

    async def _order(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        """The attempt is in the ledger before anybody erases anything of it."""
        digests: dict[int, str] = {}
        if is_entered(erasure):
            entry = ledger_entry(workspace_id, erasure)
            await self.ledger.note(ledger_name(workspace_id, erasure), entry)
            digests[erasure.attempt] = digest_of(entry)
            reach("erasure.after_ledger")
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.order(tx, claim, erasure.attempt, digests)
            reach("erasure.before_order_commit")

    async def _own(self, workspace_id: WorkspaceId, erasure: Erasure) -> float:
        """Retention's own part, erased and answered as the others' are, once transactions under way have ended."""
        rows = await self.own.erase_at_once(workspace_id, order_of(erasure), self.clock.now())
        if rows is None:
            return self.settings.settle_seconds
        reach("erasure.after_own_rows")
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.answer_own(tx, erasure, rows)
        return 0.0

    async def _next(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure, person: Person) -> float:
        if not person.more:
            async with self.db.workspace(workspace_id) as tx:
                seconds = await store.settle(tx, claim, self.settling)
            if seconds is None or seconds > 0:
                return seconds or self.settings.patience
            log.info("what is left of a person's data is looked for", attempt=erasure.attempt + 1)
        async with self.db.workspace(workspace_id) as tx:
            await self.erasing.verify(tx, claim, erasure.attempt)
            reach("erasure.before_verify_commit")
        return 0.0
