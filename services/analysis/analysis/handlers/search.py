"""Searching the findings of a workspace's reports: those that the plan shows, and no others."""

from __future__ import annotations

from msgspec import Struct

from analysis.domain.request import zone_of
from analysis.domain.search import FindingFilter, Hits, Place, Query
from analysis.store import plans
from analysis.store import search as store
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Database

PAGE = 25
LARGEST_PAGE = 100


class Search(Struct, frozen=True):
    """The use case."""

    db: Database

    async def findings(
        self, workspace_id: WorkspaceId, text: str, chosen: FindingFilter, cursor: str = "", size: int = PAGE
    ) -> Hits:
        """A page of the findings with these words, the latest calls first. Raises InvalidInput for a text or cursor that is none."""
        query, after = Query.parse(text), Place.parse(cursor)
        while True:
            async with self.db.workspace(workspace_id) as tx:
                missing = await store.next_not_indexed(tx)
                if missing is None:
                    zone = zone_of(await plans.timezone_of(tx))
                    found = await store.findings(tx, query, chosen, zone, after, size + 1)
                    return Hits(query, found[:size], found[size - 1].place.cursor() if len(found) > size else "")
                # Written by the release before, or shown again by a larger plan: a report each transaction.
                await store.index_report(tx, missing)
                reach("analysis.search.indexed")
