"""Many callers at once who ask for grants, are struck down, and ask again or not."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.integrations.v1.integrations_pb2 import Provider as Named
from chaos.vault.journal.blows import Blow, Crash, Struck
from contracts import Event
from contracts.sealing import SealedTo, SealingKey
from core import faultpoints
from core.clock import SystemClock
from core.errors import Transient
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider
from credential_vault.events import routes
from credential_vault.handlers.rejecting import Rejecting
from credential_vault.handlers.vault import Vault
from integration.credential_vault.letting_go import Place
from local.postgres.connection import Connection
from messaging import Outbox

REQUESTER = "ingest"

# The last one has connected nothing: it is denied.
WORKSPACES = tuple(WorkspaceId(f"org_journal{number}") for number in range(9))

CALLERS = 16

# One request in so many is for a grant that was asked for before, by somebody who may still be at it.
_AGAIN = 5
# Connections are killed so many seconds apart, on average.
_KILL_SECONDS = 0.15

Asked = Event[CredentialRequested]
Release = Callable[[Place, Asked, Blow], Awaitable[None]]
"""Grants what is asked for, if the blow lets it."""


def vault_of(place: Place) -> Vault:
    """The use case with a sealing key of its own."""
    sealed_to = SealedTo.parse(SealingKey.generate().public_text())
    return Vault(place.keyring, {REQUESTER: sealed_to}, SystemClock(), timedelta(minutes=30), {})


def as_in_service(vault: Vault) -> Release:
    """What the consumer does with a message: the service's own handler, in one transaction with the outbox."""
    table = routes(vault, Rejecting(), Outbox("credential-vault"), REQUESTER)
    handler = table.handler_of(CredentialRequested.DESCRIPTOR.full_name)
    assert handler is not None, "the service listens to requests"

    async def release(place: Place, asked: Asked, blow: Blow) -> None:
        async with place.db.workspace(asked.workspace_id) as tx:
            await handler(tx, [asked])
            if blow.kind == "raise":
                raise Crash("before the commit")

    return release


@dataclass(slots=True)
class Crowd:
    """The callers; how their attempts ended is counted by name."""

    place: Place
    release: Release
    draw: random.Random
    total: int
    tick: Callable[[int, int], None]
    ends: Counter[str] = field(default_factory=Counter)
    asked: list[Asked] = field(default_factory=list)

    async def connect(self) -> None:
        """Give all workspaces but the last a credential."""
        for workspace_id in WORKSPACES[:-1]:
            pair = {"access_key": f"key of {workspace_id}", "secret": f"secret of {workspace_id}"}
            await self.place.connect(Provider.GONG, pair, workspace=workspace_id)

    async def run(self, admin: Connection) -> None:
        """Until `total` attempts have come to their end unharmed."""
        killer = asyncio.create_task(self._kill_connections(admin))
        requests = self._requests()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CALLERS):
                    group.create_task(self._call(requests))
        finally:
            killer.cancel()
            await asyncio.wait({killer})
        if not killer.cancelled():
            killer.result()

    def _requests(self) -> Iterator[Asked]:
        while self.ends["whole"] < self.total:
            if self.asked and self.draw.randrange(_AGAIN) == 0:
                # From the newest few, who may not be through yet, as the same message or as another one.
                earlier = self.draw.choice(self.asked[-CALLERS:])
                yield earlier if self.draw.random() < 0.5 else _request(earlier.workspace_id, earlier.aggregate_id)
                continue
            grant_id = str(uuid.UUID(int=self.draw.getrandbits(128), version=4))
            self.asked.append(_request(self.draw.choice(WORKSPACES), grant_id))
            yield self.asked[-1]

    async def _call(self, requests: Iterator[Asked]) -> None:
        for asked in requests:
            # A message that was not acknowledged is delivered again, unless it is lost with all that was to come.
            while not await self._try(asked) and self.draw.random() < 0.5:
                pass
            self.tick(min(self.ends["whole"], self.total), self.total)

    async def _try(self, asked: Asked) -> bool:
        """One attempt in a task of its own; whether it came to its end."""
        attempt = asyncio.create_task(self._attempt(asked, Blow.drawn(self.draw)))
        await asyncio.wait({attempt})
        error = None if attempt.cancelled() else attempt.exception()
        name = "cancelled" if attempt.cancelled() else type(error).__name__ if error else "whole"
        self.ends[name] += 1
        return name == "whole"

    async def _attempt(self, asked: Asked, blow: Blow) -> None:
        faultpoints.arm(blow.trap)
        await Struck(self._released(asked, blow), blow)

    async def _released(self, asked: Asked, blow: Blow) -> None:
        await self.release(self.place, asked, blow)

    async def _kill_connections(self, admin: Connection) -> None:
        """End one of the vault's connections now and then, whatever it is doing."""
        while True:
            await asyncio.sleep(self.draw.uniform(0.2, 1.8) * _KILL_SECONDS)
            found = await admin.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name = 'credential-vault' ORDER BY pid"
            )
            if found:
                await admin.execute("SELECT pg_terminate_backend($1)", self.draw.choice(found)["pid"])
                self.ends["connections killed"] += 1


# How an attempt may end: nothing else is a crash that was meant.
MEANT = frozenset({"whole", "cancelled", "connections killed", Crash.__name__, Transient.__name__})


def _request(workspace_id: WorkspaceId, grant_id: str) -> Asked:
    payload = CredentialRequested(
        grant_id=grant_id, provider=Named.PROVIDER_GONG, purpose="run", subject_id=f"run-{grant_id}"
    )
    return Event(workspace_id=workspace_id, payload=payload, producer=REQUESTER, aggregate_id=grant_id, sequence=1)


__all__ = ["CALLERS", "MEANT", "REQUESTER", "WORKSPACES", "Asked", "Crowd", "Release", "as_in_service", "vault_of"]
