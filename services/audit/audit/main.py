"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from audit.events import routes, workspaces
from audit.http import routers
from audit.log.keys import Salts
from audit.log.note import Keyring
from audit.log.parting import LogPart
from audit.log.people import PersonLog
from audit.log.routes import log_router
from audit.log.sealing import Sealer, SealerSettings
from audit.settings import Settings
from audit.staff.desk import Desk
from audit.staff.routes import staff_router
from audit.streaming.grants import Door
from audit.streaming.http import streaming_router
from audit.streaming.posting import EgressPost, sandboxes
from audit.streaming.sender import Sender
from audit.streaming.setup import Setup
from audit.streaming.vault import Vault
from contracts.sealing import SealingKeys
from core.memory import collect_seldom
from messaging.google import PullSettings
from runtime import Assembly, assembled, secrets_for

SERVICE = "audit"

# What it takes to enter a workspace is shared by its entries in a batch; an entry waits for the end of its batch's transaction before
# it can be sealed (docs/audit-proof.md). Two side by side: while PostgreSQL works on one, the next is read. Entries come to the same end
# in any order, and so do the steps of staff's reads: each is a row of its own.
PULL = PullSettings(batch=4_000, side_by_side=2, outstanding=20_000)


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    collect_seldom()
    async with assembled(SERVICE, settings) as parts:
        secrets = secrets_for(settings)
        parts.stack.push_async_callback(secrets.close)
        keyring = Keyring.parse((await secrets.read("audit-log-key")).decode())
        parts.consume("audit", routes(Salts()), PULL)
        parts.consume("workspaces", workspaces())
        pace = SealerSettings(settings.log_origin, settings.seal_seconds, settings.anchor_seconds)
        sealer = Sealer(parts.db, keyring, pace)
        parts.erase_by(LogPart(parts.db, sealer.drain))
        parts.erase_people(PersonLog(parts.db, sealer.drain))
        sandbox = settings.stream_sandbox_url
        post = EgressPost(parts.outbound.egress(sandboxes(sandbox)))
        door = Door(SealingKeys.parse((await secrets.read("audit-sealing-key")).decode()))
        sender = Sender(parts.db, parts.outbox, Vault(parts.outbox, door), post)
        vault = Vault(parts.outbox, door, sender.wake)
        parts.consume("credential-grants-audit", vault.grants())
        setup = Setup(parts.db, parts.outbox, vault, post, sandbox, sender.wake)
        staff = staff_router(Desk(parts.db, parts.outbox))
        parts.serve(streaming_router(setup), staff, *routers(parts.db), log_router(parts.db, keyring))
        parts.work(sealer.run, sender.run)
        yield parts
