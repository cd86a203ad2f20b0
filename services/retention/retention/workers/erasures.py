"""The worker that carries a request to erase a workspace from one state to the next.

asked, a day ago   -> entry in the ledger -> ErasureRequested to all            = erasing
all have erased    -> payments are ended  -> ErasureVerify to all               = verifying
somebody has found -> ErasureVerify to all, once more
nobody has found   -> retention's own rows are erased -> certificate           = completed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from contracts.erasing import Order
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Tx
from messaging.erasure import Erasing as OwnRows
from messaging.erasure import store as tombstones
from retention.domain.erasures import ITSELF, Erasure, Part, Receipt, Stage, with_receipt
from retention.store import erasures as store
from retention.store import person_requests, report_erasures
from retention.store.requests import Claim
from retention.workers.requests import RequestWorker


class Payments(Protocol):
    """What is paid for a workspace."""

    async def end(self, workspace_id: WorkspaceId) -> None:
        """Charge nothing any more. Again is fine. Raises Transient, Permanent."""


@dataclass(frozen=True, slots=True)
class ErasureWorker(RequestWorker):
    """A round of `runtime.rounds`."""

    payments: Payments
    own: OwnRows

    async def pending(self, workspace_id: WorkspaceId, claim: Claim, erasure: Erasure) -> None:
        """End what is paid."""
        if erasure.payments_ended_at is not None:
            return
        await self.payments.end(workspace_id)
        reach("erasure.after_payments")
        async with self.db.workspace(workspace_id) as tx:
            await store.end_payments(tx, claim)

    async def finished(self, workspace_id: WorkspaceId, erasure: Erasure) -> bool:
        """Retention's own part, the last of all, erased and reported as the others' are: what a second look still finds was left, and is
        gone then. False where transactions under way have to end first."""
        async with self.db.workspace(workspace_id) as tx:
            # Whatever comes for the workspace from now on is refused.
            await tombstones.freeze(tx, Order(str(erasure.id), erasure.terms.asked_at, erasure.terms.deadline))
        tombstone = await self.own.as_far_as_possible(workspace_id)
        if tombstone is None or tombstone.stage != "erased":
            return False
        async with self.db.workspace(workspace_id) as tx:
            emptied = {
                "erasures": await store.forget_people(tx),
                "report_erasures": await report_erasures.end_with_workspace(tx),
                "person_requests": await person_requests.end_with_workspace(tx),
            }
            rows = {**tombstone.rows, **{name: count for name, count in emptied.items() if count}}
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


class NotErased(CallmineError):
    """Something was left that should have been erased."""
