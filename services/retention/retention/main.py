"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from retention.catalogue import read_plans, read_sub_processors
from retention.events import routes
from retention.handlers import Plans
from retention.http import router
from retention.settings import Settings
from runtime import Assembly, assembled

SERVICE = "retention"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    catalogue = read_plans(settings.plans_file)
    async with assembled(SERVICE, settings) as parts:
        parts.consume("workspaces", routes(Plans(catalogue), parts.outbox))
        parts.serve(router(parts.db, catalogue, read_sub_processors()))
        yield parts
