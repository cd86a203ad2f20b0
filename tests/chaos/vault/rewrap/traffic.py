"""Reads at a steady pace, and people who connect again: as an instance of the vault does it, with a keyring of its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from chaos.vault.rewrap.book import Book, Credential
from contracts import Actor
from contracts.sealing import Binding, SealedTo, SealingKey
from core.clock import SystemClock
from core.errors import Transient
from core.ids import WorkspaceId, uuid7
from credential_vault.domain.credentials import BasicPair, Grant, GrantRequest, Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.encryption.keyring import Keyring
from credential_vault.handlers.connecting import Connecting, Received
from credential_vault.handlers.vault import Vault
from database import Database

# Who reads: more than the pool has connections, so that one that waits holds up nobody else's schedule.
_READERS = 32
_WRITES_PER_SECOND = 5.0
# One connection in so many is a new workspace's.
_NEW = 5

_REQUESTERS = {Provider.GONG: "ingest", Provider.HUBSPOT: "ingest", Provider.SLACK: "analysis"}


async def _nobody(*_: object) -> None:
    """Who would be told is not there."""


@dataclass(slots=True)
class Tally:
    """What happened. `failed` counts reads by what was wrong with them; `late` has the milliseconds from when a read was due."""

    reads: int = 0
    retried: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    seconds: float = 0.0
    connected: Counter[str] = field(default_factory=Counter)
    unconnected: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """What happened elsewhere at the same time."""
        self.reads += other.reads
        self.retried += other.retried
        self.failed += other.failed
        self.late += other.late
        self.seconds = max(self.seconds, other.seconds)
        self.connected += other.connected
        self.unconnected += other.unconnected


@dataclass(slots=True)
class Traffic:
    """Until `stop` is set, on the credentials of `book`. `name` tells one instance from another, and its new workspaces, too."""

    db: Database
    keyring: Keyring
    book: Book
    reads_per_second: float
    name: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tally: Tally = field(default_factory=Tally)
    _credentials: list[Credential] = field(default_factory=list)
    _sealing: SealingKey = field(default_factory=SealingKey.generate)

    async def run(self) -> None:
        """Read and connect; whatever is under way when `stop` is set comes to its end."""
        self._credentials = list(self.book.newest)
        draw = random.Random(f"traffic {self.book.seed} {self.name}")
        sealed_to = SealedTo.parse(self._sealing.public_text())
        requesters = dict.fromkeys(_REQUESTERS.values(), sealed_to)
        vault = Vault(self.keyring, requesters, SystemClock(), timedelta(minutes=30), {})
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            reads, writes = count(), count(1)
            for _ in range(_READERS):
                group.create_task(self._paced(reads, self.reads_per_second, lambda due: self._read(vault, draw, due)))
            group.create_task(self._paced(writes, _WRITES_PER_SECOND, lambda _: self._write(next(writes), draw)))
        self.tally.seconds = time.monotonic() - began

    async def _paced(self, numbers: count[int], rate: float, work: Callable[[float], Awaitable[None]]) -> None:
        """Do what is due next, over and over: when that is depends on the rate alone, not on how long anything took."""
        began = time.monotonic()
        while not self.stop.is_set():
            due = began + next(numbers) / rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            if not self.stop.is_set():
                await work(due)

    async def _read(self, vault: Vault, draw: random.Random, due: float) -> None:
        credential = draw.choice(self._credentials)
        wrong = await self._granted(vault, credential)
        self.tally.reads += 1
        if wrong:
            self.tally.failed[wrong] += 1
        self.tally.late.append((time.monotonic() - due) * 1000)

    async def _granted(self, vault: Vault, credential: Credential) -> str:
        """What was wrong with one read; empty when it gave exactly what was stored, or something newer."""
        workspace_id, provider = credential
        least = self.book.newest[credential]
        request = GrantRequest(uuid7(), provider, _REQUESTERS[provider], "run", "run-1")
        try:
            grant = await self._asked(vault, workspace_id, request)
            if not isinstance(grant, Grant):
                return f"it was not granted, but {type(grant).__name__}"
            if grant.credential_version < least:
                return "an earlier version was granted"
            binding = Binding(workspace_id, str(request.grant_id), provider.value, request.requester, grant.expires_at)
            found = self._sealing.open(grant.sealed, binding)
        except Exception as error:  # noqa: BLE001 - whatever it was, the read has failed, and is told by its kind
            return type(error).__name__
        right = found == self.book.granted(workspace_id, provider, grant.credential_version)
        return "" if right else "another text was granted"

    async def _asked(self, vault: Vault, workspace_id: WorkspaceId, request: GrantRequest) -> object:
        """Once more after a Transient, as the message would be delivered again; a second one is the caller's."""
        try:
            return await self._attempt(vault, workspace_id, request)
        except Transient:
            self.tally.retried += 1
            return await self._attempt(vault, workspace_id, request)

    async def _attempt(self, vault: Vault, workspace_id: WorkspaceId, request: GrantRequest) -> object:
        async with self.db.workspace(workspace_id) as tx:
            return await vault.grant(tx, request)

    async def _write(self, number: int, draw: random.Random) -> None:
        workspace_id, provider = draw.choice(self._credentials)
        if number % _NEW == 0:
            workspace_id = WorkspaceId(f"org_new{self.name}{number:06}")
        connecting = Connecting(self.keyring, {}, _nobody, _nobody, draw)
        try:
            await self._connected(connecting, workspace_id, provider, f"connection {self.name} {number}")
        except Exception as error:  # noqa: BLE001 - counted by its kind
            self.tally.unconnected[type(error).__name__] += 1

    async def _connected(
        self, connecting: Connecting, workspace_id: WorkspaceId, provider: Provider, origin: str
    ) -> None:
        plain, actor = self.book.drawn(provider, origin), Actor(id="user_rewrap")
        async with self.db.workspace(workspace_id) as tx:
            if "access_token" in plain:
                tokens = Tokens(plain["access_token"], plain.get("refresh_token", ""))
                received = Received(tokens, Account("Harborline"), ())
                change = await connecting.connect_tokens(tx, provider, received, actor)
            else:
                change = await connecting.connect_pair(tx, provider, BasicPair(**plain), "", actor)
            self.book.is_about_to_be(workspace_id, provider, change.version, origin)
            tx.on_commit(lambda: self._committed((workspace_id, provider), change.version))

    def _committed(self, credential: Credential, version: int) -> None:
        if credential not in self.book.newest:
            self._credentials.append(credential)
            self.tally.connected["new"] += 1
        else:
            self.tally.connected["again"] += 1
        self.book.newest[credential] = max(version, self.book.newest.get(credential, 0))


def highest(values: list[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0 for none at all."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
