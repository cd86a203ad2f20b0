"""Getting something to sign with: what was granted, as long as it lasts, or a question to the vault."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

import core.log
from audit import events
from audit.streaming import store
from audit.streaming.grants import PATIENCE, REQUESTER, Door, Secrets
from core.clock import Clock, SystemClock
from core.errors import Permanent
from core.ids import uuid7
from database import Tx
from messaging import Outbox, Routes

log = core.log.logger("audit.streaming")


class Vault(Struct, frozen=True):
    """Asks, and hears the answers. `wake` is called once something can be sent: a hint for the sender."""

    outbox: Outbox
    door: Door
    wake: Callable[[], None] = lambda: None
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], uuid.UUID] = uuid7

    def grants(self) -> Routes:
        """What the vault answers."""
        routes = Routes()
        routes.on(events.CredentialGranted, self._granted)
        routes.on(events.CredentialDenied, self._denied)
        return routes

    async def secrets(self, tx: Tx, purpose: str) -> Secrets | None:
        """What to sign with; None where the vault has to be asked first, which is then done when `tx` commits."""
        now = self.clock.now()
        usable = (await store.grant(tx)).usable(now)
        if usable is not None:
            try:
                return self.door.open(tx.workspace_id, usable)
            except Permanent as error:
                log.error("a signing secret that was granted does not open; another is asked for", error=error)
        await self.ask(tx, purpose, now)
        return None

    async def ask(self, tx: Tx, purpose: str, now: datetime) -> None:
        """Ask the vault, unless it was asked just now. `purpose` stands in its journal."""
        grant_id = self.new_id()
        if await store.ask(tx, grant_id, PATIENCE, now):
            request = events.signing_secret_requested(grant_id, purpose)
            await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)

    async def _granted(self, tx: Tx, event: events.Granted) -> None:
        if await store.granted(tx, events.sealed_grant(event.payload)):
            await store.wake(tx, self.clock.now())
            tx.on_commit(self.wake)

    async def _denied(self, tx: Tx, event: events.Denied) -> None:
        await store.denied(tx, *events.denial(event.payload))
