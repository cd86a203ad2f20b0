"""Requests that are carried out once, in the service's own database."""

from __future__ import annotations

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database
from messaging.idempotency import claim_request, keep_answer, read_request, release_request
from web.claims import Claim, Kept, Known


class StoredRequests(Struct, frozen=True):
    """Each step is a transaction of its own, before and after the effect."""

    db: Database

    async def claim(self, workspace_id: WorkspaceId, request_id: bytes, request: bytes) -> Claim | Known:
        """Claim a request, or what is known of it. Raises Transient while the database is away."""
        async with self.db.workspace(workspace_id) as tx:
            fence = await claim_request(tx, request_id, request)
            if fence is not None:
                return Claim(workspace_id, request_id, fence)
            row = await read_request(tx, request_id)
        if row is None or row["status"] is None:
            return Known(row["request"] if row else request, None)
        return Known(row["request"], Kept(row["status"], row["headers"], row["body"]))

    async def keep(self, claim: Claim, answer: Kept) -> None:
        """Keep the answer, unless somebody else has taken the claim over. Raises Transient while the database is away."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await keep_answer(tx, claim.id, claim.fence, answer.status, answer.headers, answer.body)

    async def release(self, claim: Claim) -> None:
        """Give a claim back that led to nothing. Raises Transient while the database is away."""
        async with self.db.workspace(claim.workspace_id) as tx:
            await release_request(tx, claim.id, claim.fence)
