"""The same algorithm on a real PostgreSQL with real concurrency.

Processes have pools of their own, callers are cancelled wherever they are, connections are cut, the provider has single-use tokens; time is
moved by making rows older.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg

from chaos.vault.renewal.engine import Aim, Engine, Process, Task
from chaos.vault.renewal.judge import Count, judged
from chaos.vault.renewal.postgres import GONG, Bench, bench_in, opened
from chaos.vault.renewal.schedule import World, ours
from chaos.vault.renewal.server import DELIVERED, LIFETIME, TROUBLES, Call, Server, Trouble
from chaos.vault.renewal.store import Database as Durable
from chaos.vault.renewal.table import WORKSPACE, Content, Row
from core.errors import CallmineError
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, State
from credential_vault.domain.oauth import Tokens
from credential_vault.handlers.renewing import Renewing
from credential_vault.providers.port import Guard, NotSpent, Refused, Unknown
from database import Database
from local.postgres import ServiceDsns

# A minute is a hundredth of a second here: what waits, waits for real.
_SCALE = 6_000.0
_ROUND = 30.0
# Until every attempt without an end is settled, three times over.
_ROUNDS = 100
_PROCESSES = 3


async def _nothing() -> None:
    return


def _task(number: int) -> Task:
    steps = _nothing()
    steps.close()
    return Task(Process(number), steps)


@dataclass(slots=True)
class Wall:
    """Implements `core.clock.Clock`: the machine's time, run fast, and moved with the rows."""

    moved: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The present time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began + self.moved

    async def sleep(self, seconds: float) -> None:
        """Wait, fast."""
        await asyncio.sleep(seconds / _SCALE)


@dataclass(slots=True)
class Line:
    """A caller's line to the provider; implements RefreshingProvider."""

    server: Server
    task: Task
    rng: Random
    trouble: float
    provider: Provider = GONG

    async def is_active(self, refresh_token: str) -> bool | None:
        """Introspection."""
        await asyncio.sleep(0.001)
        active = self.server.accepts(refresh_token)
        if active:
            self.server.confirmed[refresh_token].append(self.server.engine.now)
        return active

    async def refresh(self, refresh_token: str, base_url: str, guard: Guard) -> Tokens:
        """As in the simulation, but what is late is late for good."""
        trouble: Trouble = self.rng.choice(TROUBLES) if self.rng.random() < self.trouble else ""
        await asyncio.sleep(self.rng.uniform(0, 0.003))
        if trouble == "no connection":
            raise NotSpent("no connection")
        guard()
        if trouble == "lost request":
            raise Unknown("no answer within the time-out")
        call = Call(refresh_token, 0.0, self.task, trouble)
        given = self.server.carry_out(call)
        await asyncio.sleep(self.rng.uniform(0, 0.003))
        if trouble not in DELIVERED:
            raise Unknown("no answer that tells")
        call.delivered = True
        if call.answer == "turned away":
            raise NotSpent("429")
        if not given:
            raise Refused("invalid_grant")
        self.server.rotations[refresh_token].receiver = self.task
        return Tokens(f"access for {given}", given, LIFETIME)


@dataclass(slots=True)
class Town:
    """One schedule on real processes."""

    bench: Bench
    processes: Sequence[Database]
    world: World
    wall: Wall
    trouble: float
    _count: int = 0

    @property
    def rng(self) -> Random:
        """Where the choices come from; the order of things does not follow from it here."""
        return self.world.rng

    async def play(self) -> Count:
        """Callers all at once while things break; then rounds in which nothing does."""
        self.world.engine.now = self.wall.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.rng.choice((2, 20, 60))):
                group.create_task(
                    self._struck(self._caller(), self.rng.choice((None, None, self.rng.uniform(0, 0.04))))
                )
            group.create_task(self._meddle())
        self.trouble = 0.0
        for _ in range(_ROUNDS):
            await self._note()
            if await self._is_settled():
                break
            await self._advance(_ROUND)
            await asyncio.gather(*(self._caller() for _ in self.processes))
        await self._note()
        return judged(self.world)

    async def _caller(self) -> None:
        self._count += 1
        task = _task(self._count)
        line = Line(self.world.server, task, self.rng, self.trouble)
        db = self.rng.choice(self.processes)
        tells = frozenset({GONG}) if self.world.server.tells else frozenset[Provider]()
        renewing = Renewing(
            self.bench.store(db), {GONG: line}, self.bench.keyring, self.wall, tell=tells, chance=self.rng
        )
        try:
            await renewing.renew(self.bench.workspace, GONG)
        except (CallmineError, asyncpg.InternalClientError):
            # As the worker does: a connection that is cut in the midst of a statement can fail in odd ways.
            pass
        except asyncio.CancelledError:
            task.process.dead = True
            raise
        task.finished = True

    async def _struck(self, work: Awaitable[None], after: float | None) -> None:
        """The caller's process dies after so many seconds."""
        task = asyncio.ensure_future(work)
        _, left = await asyncio.wait({task}, timeout=after)
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _meddle(self) -> None:
        """One after the other, for the administrator has one connection."""
        await self._cut()
        if self.rng.random() < 0.2:
            await self._reconnect()
        await self._cut()

    async def _cut(self) -> None:
        """The database drops its connections now and then, in the midst of whatever they do."""
        for _ in range(self.rng.choice((0, 0, 2))):
            await asyncio.sleep(self.rng.uniform(0, 0.02))
            await self.bench.admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%_app'"
            )

    async def _reconnect(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.02))
        token = self.world.server.connect()
        self.world.connected.append(token)
        before = await self.bench.connect(token, LIFETIME, LIFETIME * 0.8)
        # As in production, where it is handed to revocation in the same transaction.
        self.world.database.saved.update({before or "", token})

    async def _advance(self, seconds: float) -> None:
        await self.bench.advance(seconds)
        self.wall.moved += seconds
        self.world.engine.now = self.wall.monotonic()

    async def _note(self) -> None:
        """What is durable now, for the judge."""
        bench, durable = self.bench, self.world.database
        row = await bench.admin.fetchrow("SELECT state FROM credentials WHERE workspace_id = $1", bench.workspace)
        token = await bench.refresh_token()
        assert row is not None
        assert token is not None
        durable.saved.add(token)
        durable.content.row = Row(state=State(row["state"]), refresh_token=b"\x00" + token.encode(), refresh_at=None)
        if row["state"] == State.NEEDS_RECONNECT and not durable.reconnects:
            durable.reconnects.append(token)
        for one in await bench.admin.fetch(
            "SELECT version, refresh_token FROM revocations WHERE workspace_id = $1", bench.workspace
        ):
            durable.saved.add(await bench.opened("refresh_token", one["version"], one["refresh_token"]))

    async def _is_settled(self) -> bool:
        """Whether nothing is left to do before the next token is due."""
        return not await self.bench.admin.fetchval(
            "SELECT count(*) FROM credentials c WHERE workspace_id = $1 AND state = 'connected' AND (refresh_at <= clock_timestamp()"
            " + interval '10 minutes' OR leased_until > clock_timestamp())",
            self.bench.workspace,
        )


async def played_for_real(dsns: ServiceDsns, admin_url: str, seed: int) -> Count:
    """One schedule in a workspace of its own."""
    rng = Random(seed)
    engine = Engine(rng, Aim(), 0.0, 0.0)
    server = Server(engine, tells=rng.random() < 0.4, ends_families=True)
    world = World(seed, engine, server, Durable(engine, Content(), 0.0), ours(), 0.0)
    workspace = WorkspaceId(f"{WORKSPACE.replace('_', '_x')}{seed}")
    async with bench_in(dsns, admin_url, workspace) as bench, AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(opened(dsns)) for _ in range(_PROCESSES)]
        token = server.connect()
        world.connected.append(token)
        world.database.saved.add(token)
        await bench.connect(token, LIFETIME, 0.0)
        town = Town(bench, processes, world, Wall(), trouble=rng.choice((0.0, 0.3, 0.8)))
        count = await town.play()
        still = await bench.admin.fetchval(
            "SELECT count(*) FROM credentials WHERE workspace_id = $1 AND state = 'connected' AND refresh_at <= clock_timestamp()",
            workspace,
        )
    return count if not still else replace(count, stuck=1)
