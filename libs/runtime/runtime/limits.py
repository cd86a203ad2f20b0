"""Limits of requests, counted in the service's own database over all of its processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from core.ids import WorkspaceId
from database import Database
from messaging.allowances import take_allowances
from web import ServiceSettings
from web.limits import WINDOW_SECONDS, Limit, Rates, Share


class StoredAllowances(Struct, frozen=True):
    """One statement for all limits of a request, in a transaction of its own, once in many requests."""

    db: Database

    async def take(self, workspace_id: WorkspaceId, wanted: Sequence[Limit]) -> Mapping[str, Share]:
        """A share of each limit, by its subject. Raises Transient while the database is away."""
        async with self.db.workspace(workspace_id) as tx:
            rows = await take_allowances(
                tx,
                [one.subject for one in wanted],
                [one.quota for one in wanted],
                [one.share for one in wanted],
                WINDOW_SECONDS,
            )
        return {row["subject"]: Share(row["granted"], row["remaining"], row["seconds"]) for row in rows}


def rates_of(settings: ServiceSettings) -> Rates:
    """The limits that a service was told of."""
    return Rates(
        key=settings.api_key_requests,
        workspace=settings.api_workspace_requests,
        key_costly=settings.api_key_costly_requests,
        workspace_costly=settings.api_workspace_costly_requests,
    )
