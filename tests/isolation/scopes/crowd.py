"""Many tasks over few connections, each transaction with its own fault."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncpg

from analysis.main import ENTERING
from core.errors import Transient
from database import Database, MigrationSettings, NotCommitted, Queries, migrate
from database.connect import open_pool
from isolation.scopes.faults import Fault, Thrown, draw, interrupted, thrown
from isolation.scopes.findings import Findings
from isolation.scopes.journeys import WINDOWS, Journey, Traveller
from isolation.scopes.watched import WatchedPool
from local.postgres import ServiceDsns, drop, provision
from local.postgres.connection import Connection, connected
from testkit.postgres import PASSWORDS, ROOT, migration_folders

if TYPE_CHECKING:
    from database.connect import Connection as PooledConnection
    from database.connect import Pool

CONCURRENT, CONNECTIONS = 200, 10

# How an interrupted transaction may end. Anything else is a mistake of ours.
EXPECTED = (
    asyncio.CancelledError,
    Thrown,
    MemoryError,
    OSError,
    Transient,
    NotCommitted,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

# Time for connections to come back at the end; all of them are idle by then.
_RETURN_SECONDS = 10.0


def queries() -> Queries:
    """The statements of analysis and the proof's own."""
    folders = ("libs/database/database", "libs/messaging/messaging", "services/analysis/analysis")
    return Queries.load(*(ROOT / folder / "queries" for folder in folders), Path(__file__).parent / "queries")


@dataclass(slots=True)
class Crowd:
    """Runs transactions until there are `total`."""

    pool: Pool
    queries: Queries
    oracle: Connection
    findings: Findings
    seed: int
    total: int
    tick: Callable[[int, int], None]
    _awaits: int = 12

    async def run(self) -> None:
        """All of them, CONCURRENT at a time; then what is left behind."""
        watched = cast("Pool", WatchedPool(self.pool, self.queries, self.findings, random.Random(self.seed)))
        plain = Database(watched, watched, self.queries)
        full = Database(watched, watched, self.queries, ENTERING)
        lock = asyncio.Lock()

        async def end_backend(pid: int) -> None:
            async with lock:
                await self.oracle.execute(self.queries["backend_end"].sql, pid)

        async with asyncio.TaskGroup() as group:
            for number in range(CONCURRENT):
                rng = random.Random(f"{self.seed}/{number}")
                group.create_task(self._member(Traveller(full, plain, self.findings, rng, end_backend)))
        await self._leave_nothing()

    async def _member(self, traveller: Traveller) -> None:
        while self.findings.transactions < self.total:
            self.findings.transactions += 1
            self.tick(self.findings.transactions, self.total)
            fault = draw(traveller.rng, self._awaits)
            await self._one(traveller, traveller.journey(), fault)

    async def _one(self, traveller: Traveller, journey: Journey, fault: Fault) -> None:
        """A transaction in a task of its own, so that a cancellation ends it and nothing else."""

        task = asyncio.create_task(self._driven(journey(fault), fault, thrown(traveller.rng)))
        await asyncio.wait({task})
        if task.cancelled():
            self.findings.ends["cancelled"] += 1
            return
        failure = task.exception()
        if failure is None:
            self.findings.committed += 1
            return
        self.findings.ends[type(failure).__name__] += 1
        if not isinstance(failure, EXPECTED):
            self.findings.problem(f"seed {self.seed}: a transaction with {fault} ended with {failure!r}")

    async def _driven(self, steps: Coroutine[object, object, None], fault: Fault, error: Exception) -> None:
        await interrupted(steps, fault.at, error, self.findings.interrupted, self._counted)

    def _counted(self, awaits: int) -> None:
        self._awaits = max(self._awaits, min(awaits, 40))

    async def _take(self) -> PooledConnection:
        return await self.pool.acquire()

    async def _leave_nothing(self) -> None:
        """Every connection is free again, outside transactions, and every row is where it belongs."""
        try:
            async with asyncio.timeout(_RETURN_SECONDS), asyncio.TaskGroup() as group:
                taken = [group.create_task(self._take()) for _ in range(CONNECTIONS)]
        except TimeoutError:
            self.findings.stale("connections have not come back to the pool")
            return
        for task in taken:
            await self.pool.release(task.result())
        if open_transactions := await self.oracle.fetchval(self.queries["backends_open"].sql):
            self.findings.stale("connections stand in a transaction that nobody runs", open_transactions)
        if misplaced := await self.oracle.fetchval(self.queries["misplaced"].sql):
            self.findings.stale("rows were committed into another workspace", misplaced)
        written = {row["id"] for row in await self.oracle.fetch(self.queries["written"].sql)}
        if lost := self.findings.told - written:
            self.findings.problem(f"{len(lost)} rows were told to be committed and are not there")
        if kept := self.findings.refused & written:
            self.findings.problem(f"{len(kept)} rows of transactions that failed are there")


@asynccontextmanager
async def analysis_database(admin_url: str, name: str) -> AsyncIterator[ServiceDsns]:
    """A migrated database of analysis with a plan for each workspace; dropped at the end."""
    dsns = await provision(admin_url, "analysis", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
        yield dsns
    finally:
        await drop(admin_url, name)


async def gather(
    admin_url: str, database: str, seed: int, total: int, tick: Callable[[int, int], None], statements: Queries
) -> Findings:
    """Send a crowd through a fresh database; what it found."""
    findings = Findings()
    async with analysis_database(admin_url, database) as dsns, connected(_into(admin_url, dsns)) as oracle:
        plans = statements["plans_seed"]
        await oracle.execute(plans.sql, list(WINDOWS), list(WINDOWS.values()))
        pool = await open_pool(f"{dsns.app}&synchronous_commit=off", CONNECTIONS, "scopes")
        try:
            await Crowd(pool, statements, oracle, findings, seed, total, tick).run()
        finally:
            pool.terminate()
    return findings


def _into(admin_url: str, dsns: ServiceDsns) -> str:
    """The administrator's way into the database."""
    name = dsns.app.partition("?")[0].rpartition("/")[2]
    head, question, options = admin_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{question}{options}"
