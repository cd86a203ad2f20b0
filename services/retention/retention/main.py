"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retention.catalogue import read_plans, read_promises
from retention.events import routes
from retention.evidence import EvidenceKey, Shelf
from retention.handlers import Plans
from retention.http import router
from retention.settings import Settings
from runtime import Assembly, assembled

SERVICE = "retention"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    catalogue = read_plans(settings.plans_file)
    shelf = Shelf(settings.evidence_file, tuple(EvidenceKey.parse(text) for text in settings.evidence_keys))
    async with assembled(SERVICE, settings) as parts:
        parts.consume("workspaces", routes(Plans(catalogue), parts.outbox))
        parts.serve(router(parts.db, catalogue, read_promises(), shelf))
        yield parts
