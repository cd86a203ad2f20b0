"""The worker that carries a request to erase one report from one state to the next.

asked, a day ago  -> entry in the ledger -> ReportErasureRequested to analysis    = erasing
it has erased     -> ReportErasureVerify                                         = verifying
it has found      -> ReportErasureVerify, once more
it has not        -> certificate                                                 = completed
"""

from __future__ import annotations

from dataclasses import dataclass

from core.ids import WorkspaceId
from retention.store import erasures as store
from retention.workers.requests import RequestWorker


@dataclass(frozen=True, slots=True)
class ReportErasureWorker(RequestWorker):
    """A round of `runtime.rounds`."""

    async def allowed(self, workspace_id: WorkspaceId) -> bool:
        """Not while the whole workspace is being erased: nobody answers, and the request ends with it."""
        async with self.db.workspace(workspace_id) as tx:
            whole = await store.latest(tx)
        return whole is None or whole.started_at is None
