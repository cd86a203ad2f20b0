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
from audit.staff.desk import Desk
from audit.staff.routes import staff_router
from cloud.secrets import GoogleSecrets
from runtime import Assembly, assembled, endpoint

SERVICE = "audit"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    async with assembled(SERVICE, settings) as parts:
        secrets = GoogleSecrets(project=settings.project, endpoint=endpoint(settings, settings.secrets_endpoint))
        parts.stack.push_async_callback(secrets.close)
        keyring = Keyring.parse((await secrets.read("audit-log-key")).decode())
        parts.consume("audit", routes(Salts()))
        parts.consume("workspaces", workspaces())
        parts.serve(*routers(parts.db), log_router(parts.db, keyring), staff_router(Desk(parts.db, parts.outbox)))
        sealer = Sealer(parts.db, keyring, SealerSettings(settings.log_origin, settings.seal_seconds))
        parts.work(sealer.run)
        yield parts
