"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from audit.events import routes, workspaces
from audit.http import routers
from audit.log.keys import Salts
from audit.log.note import Keyring
from audit.log.routes import log_router
from audit.log.sealing import Sealer, SealerSettings
from audit.settings import Settings
from cloud.secrets import GoogleSecrets
from messaging.google import PullSettings
from runtime import Assembly, assembled, endpoint

SERVICE = "audit"

# What it takes to enter a workspace is shared by all of its entries in a batch: with 200 busy ones these are 25. Some megabytes.
PULL = PullSettings(batch=5_000, outstanding=20_000)


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    async with assembled(SERVICE, settings) as parts:
        secrets = GoogleSecrets(project=settings.project, endpoint=endpoint(settings, settings.secrets_endpoint))
        parts.stack.push_async_callback(secrets.close)
        keyring = Keyring.parse((await secrets.read("audit-log-key")).decode())
        parts.consume("audit", routes(Salts()), PULL)
        parts.consume("workspaces", workspaces())
        parts.serve(*routers(parts.db), log_router(parts.db, keyring))
        pace = SealerSettings(settings.log_origin, settings.seal_seconds, settings.anchor_seconds)
        sealer = Sealer(parts.db, keyring, pace)
        parts.work(sealer.run)
        yield parts
