"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from audit.events import routes, workspaces
from audit.http import routers
from audit.settings import Settings
from runtime import Assembly, assembled

SERVICE = "audit"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    async with assembled(SERVICE, settings) as parts:
        parts.consume("audit", routes())
        parts.consume("workspaces", workspaces())
        parts.serve(*routers(parts.db))
        yield parts
