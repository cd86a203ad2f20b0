"""The rows: the same workspace, erased and deleted, at two sizes."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.erasure.bucket import LARGE, Bucket
from bench.erasure.cores import erasing
from bench.erasure.others import OTHER, Others
from bench.harness import Row
from chaos.server import postgres
from contracts.erasing import Order
from database import Database, MigrationSettings, Queries, migrate
from local.postgres import ServiceDsns, clone, drop, provision
from messaging.erasure import Eraser, store
from testkit.memory import memory_folder
from testkit.postgres import PASSWORDS, migration_folders, settings_of
from testkit.tables import same_database

ORDER = Order(
    "0195520d-9d52-7000-8000-0000000000b2", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
)

# The other workspace's writes: how long they go on before they count, and how long alone, before an erasure and after it.
_WARM_SECONDS, _IDLE_SECONDS = 1.0, 15.0
_P99 = 0.99

# A workspace's calls: known, kept, and chosen by runs of a thousand calls each.
_FILL = """
INSERT INTO noticed_calls (workspace_id, call_id, started_at) SELECT $1, 'call-' || n, now() FROM generate_series(1, $2::int / 3) n;
INSERT INTO held_calls (workspace_id, provider, call_id, checksum, object_name, sha256, size_bytes)
SELECT $1, 'gong', 'call-' || n, repeat('a', 64), 'workspaces/' || $1 || '/calls/' || n, repeat('b', 64), 1000
FROM generate_series(1, $2::int / 3) n;
INSERT INTO run_calls (workspace_id, run_id, call_id, position)
SELECT $1, md5((n / 1000)::text)::uuid, 'call-' || n, n FROM generate_series(1, $2::int - 2 * ($2::int / 3)) n
"""
_DELETE = ("run_calls", "held_calls", "noticed_calls")


@dataclass(frozen=True, slots=True)
class Beside:
    """Seconds until all was gone; and the 99th percentile of the other workspace's writes in milliseconds, alone and meanwhile."""

    seconds: float
    idle_ms: float
    ms: float

    @property
    def ratio(self) -> float:
        """How many times as long the others' writes take."""
        return self.ms / self.idle_ms


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: our eraser and bare deletes."""

    rows: int
    objects: int
    ours: Beside
    bare: Beside

    @property
    def ratio(self) -> float:
        """How many times as long ours takes."""
        return self.ours.seconds / self.bare.seconds


async def run(quick: bool) -> list[Row]:
    """A row for each size, and one for the others."""
    sizes = ((30_000, 200), (90_000, 200)) if quick else ((300_000, 3_000), (1_000_000, 10_000))
    rows: list[Row] = []
    for count, objects in sizes:
        one = await measured(count, objects)
        name = f"{one.rows:,} rows, {one.objects:,} objects"
        rows.append(
            {"row": name, "unit": "s", "ours": round(one.ours.seconds, 2), "alternative": round(one.bare.seconds, 2)}
        )
        others = f"another workspace's write, p99, beside {name}"
        figures = {"ours": one.ours.ms, "alternative": one.bare.ms, "bound": one.ours.idle_ms}
        rows.append({"row": others, "unit": "ms", **{key: round(value, 2) for key, value in figures.items()}})
    return rows


async def measured(rows: int, objects: int) -> Measured:
    """Erase a workspace of so many rows and objects, and delete its like without any of our machinery."""
    # A provider has disks of its own: what it deletes on them makes no commit here wait.
    with (
        postgres() as admin_url,
        erasing() as apart,
        tempfile.TemporaryDirectory(prefix="callmine-erasing-", dir=memory_folder()) as folder,
    ):
        async with Bucket.serving(Path(folder)) as bucket:
            first = await _filled(admin_url, rows)
            second = await clone(admin_url, "ingest", f"bench-bare-{uuid.uuid4().hex[:8]}", PASSWORDS, first.name)
            try:
                await bucket.fill(objects)
                await _settle(admin_url)
                ours = await _erased(first.dsns, bucket, apart)
                await bucket.fill(objects)
                await _settle(admin_url)
                bare = await _deleted(admin_url, second, bucket, apart)
            finally:
                await drop(admin_url, first.name)
                await drop(admin_url, second.owner.partition("?")[0].rpartition("/")[2].replace("_", "-"))
    return Measured(rows, objects, ours, bare)


@dataclass(frozen=True, slots=True)
class _Made:
    name: str
    dsns: ServiceDsns


async def _filled(admin_url: str, rows: int) -> _Made:
    """A database with the large workspace, and a tenth of it for another one."""
    name = f"bench-erasing-{uuid.uuid4().hex[:8]}"
    dsns = await provision(admin_url, "ingest", PASSWORDS, name)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("ingest")))
    connection = await asyncpg.connect(same_database(admin_url, dsns))
    try:
        # Runs without their jobs: foreign keys are not looked at while filling.
        await connection.execute("SET session_replication_role = replica")
        for workspace, count in ((LARGE, rows), (OTHER, rows // 10)):
            for statement in _FILL.split(";\n"):
                await connection.execute(statement, workspace, count)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return _Made(name, dsns)


async def _settle(admin_url: str) -> None:
    """Have everything that was filled on the disk: or it would be written half a minute later, while others' commits wait."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    await asyncio.to_thread(os.sync)


async def _erased(dsns: ServiceDsns, bucket: Bucket, apart: Iterable[int]) -> Beside:
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
    try:
        return await _beside(dsns, apart, lambda: _ours(db, bucket))
    finally:
        await db.close()


async def _deleted(admin_url: str, dsns: ServiceDsns, bucket: Bucket, apart: Iterable[int]) -> Beside:
    connection = await asyncpg.connect(same_database(admin_url, dsns))
    try:
        return await _beside(dsns, apart, lambda: _bare(connection, bucket))
    finally:
        await connection.close()


async def _ours(db: Database, bucket: Bucket) -> float:
    """Seconds until the service's eraser has erased all."""
    async with db.workspace(LARGE) as tx:
        await store.freeze(tx, ORDER)
    barrier = await store.next_transaction(db)
    async with db.workspace(LARGE) as tx:
        await store.bar(tx, barrier)
    began = time.perf_counter()
    if not await Eraser(db, bucket.objects).erase(LARGE):
        raise AssertionError("nothing was erased")
    return time.perf_counter() - began


async def _bare(connection: asyncpg.Connection[asyncpg.Record], bucket: Bucket) -> float:
    """Seconds until bare deletes have deleted all."""
    began = time.perf_counter()
    for table in _DELETE:
        await connection.execute(f"DELETE FROM {table} WHERE workspace_id = $1", LARGE)
    await bucket.delete_bare()
    return time.perf_counter() - began


async def _beside(dsns: ServiceDsns, apart: Iterable[int], work: Callable[[], Awaitable[float]]) -> Beside:
    """Somebody else's writes, on cores apart, while nothing goes on, before and after `work`, and while it does."""
    async with Others.writing(dsns.app, dsns.sweep, apart) as others:
        await asyncio.sleep(_WARM_SECONDS)
        await others.times()
        await asyncio.sleep(_IDLE_SECONDS)
        idle = await others.times()
        seconds = await work()
        during = await others.times()
        await asyncio.sleep(_IDLE_SECONDS)
        idle += await others.times()
    return Beside(seconds, _p99(idle), _p99(during))


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(_P99 * len(times)))]
