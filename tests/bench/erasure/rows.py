"""The rows: the same workspace, erased and deleted, at two sizes."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.harness import Row
from chaos.server import postgres
from cloud.endpoint import Endpoint
from cloud.objects import GoogleObjects
from cloud.storage import StorageClient
from contracts.erasing import Order
from core.ids import WorkspaceId
from database import Database, MigrationSettings, Queries, migrate
from local.postgres import ServiceDsns, clone, drop, provision
from local.storage import StorageServer, StorageSettings
from local.tls import Authority
from messaging.erasure import Eraser, store
from testkit.postgres import PASSWORDS, migration_folders, settings_of
from testkit.tables import same_database

LARGE, OTHER = WorkspaceId("org_large"), WorkspaceId("org_other")
BUCKET = "bench-calls"
ORDER = Order(
    "0195520d-9d52-7000-8000-0000000000b2", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
)

# As many deletes of objects at once as ours has under way.
_SIDE_BY_SIDE = 16

# Between two writes of the other workspace.
_PAUSE = 0.004
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
class Measured:
    """One size: seconds of ours and of bare deletes, for rows and objects; and the others' 99th percentile in milliseconds."""

    rows: int
    objects: int
    ours: float
    bare: float
    idle_ms: float
    ours_ms: float
    bare_ms: float

    @property
    def ratio(self) -> float:
        """How many times as long ours takes."""
        return self.ours / self.bare


async def run(quick: bool) -> list[Row]:
    """A row for each size, and one for the others."""
    sizes = ((30_000, 200), (90_000, 200)) if quick else ((300_000, 3_000), (1_000_000, 10_000))
    rows: list[Row] = []
    for count, objects in sizes:
        one = await measured(count, objects)
        name = f"{one.rows:,} rows, {one.objects:,} objects"
        rows.append({"row": name, "unit": "s", "ours": round(one.ours, 2), "alternative": round(one.bare, 2)})
        others = f"another workspace's write, p99, beside {name}"
        figures = {"ours": one.ours_ms, "alternative": one.bare_ms, "bound": one.idle_ms}
        rows.append({"row": others, "unit": "ms", **{key: round(value, 2) for key, value in figures.items()}})
    return rows


async def measured(rows: int, objects: int) -> Measured:
    """Erase a workspace of so many rows and objects, and delete its like without any of our machinery."""
    with postgres() as admin_url, tempfile.TemporaryDirectory(prefix="callmine-erasing-") as folder:
        async with AsyncExitStack() as stack:
            bucket = await stack.enter_async_context(_bucket(Path(folder)))
            first = await _filled(admin_url, rows)
            second = await clone(admin_url, "ingest", f"bench-bare-{uuid.uuid4().hex[:8]}", PASSWORDS, first.name)
            try:
                await bucket.fill(objects)
                idle, ours, ours_ms = await _ours(first.dsns, bucket)
                await bucket.fill(objects)
                bare, bare_ms = await _bare(admin_url, second, bucket)
            finally:
                await drop(admin_url, first.name)
                await drop(admin_url, second.owner.partition("?")[0].rpartition("/")[2].replace("_", "-"))
    return Measured(rows, objects, ours, bare, idle, ours_ms, bare_ms)


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


@dataclass(frozen=True, slots=True)
class _Bucket:
    client: StorageClient
    objects: GoogleObjects

    async def fill(self, count: int) -> None:
        waiting = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def put(number: int) -> None:
            async with waiting:
                name = f"workspaces/{LARGE}/calls/{number}.json"
                about: dict[str, object] = {"metadata": {}}
                await self.client().upload(BUCKET, name, b"{}" * 200, metadata=about, force_resumable_upload=False)

        await asyncio.gather(*(put(number) for number in range(count)))

    async def delete_bare(self) -> None:
        waiting = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def delete(name: str) -> None:
            async with waiting:
                await self.client().delete(BUCKET, name)

        while True:
            listed = await self.client().list_objects(BUCKET, params={"prefix": f"workspaces/{LARGE}/"})
            names = [str(one["name"]) for one in listed.get("items", ())]
            if not names:
                return
            await asyncio.gather(*(delete(name) for name in names))


@asynccontextmanager
async def _bucket(folder: Path) -> AsyncIterator[_Bucket]:
    authority = Authority.open(folder / "tls")
    settings = StorageSettings(folder / "objects", authority.server("storage"), (BUCKET,))
    with StorageServer.start(settings) as server:
        place = Endpoint(address=server.endpoint, ca_file=authority.ca_file, token="bench")
        client, objects = StorageClient(place), GoogleObjects(bucket=BUCKET, endpoint=place)
        try:
            yield _Bucket(client, objects)
        finally:
            await client.close()
            await objects.close()


async def _ours(dsns: ServiceDsns, bucket: _Bucket) -> tuple[float, float, float]:
    """The other workspace's p99 before, seconds until all is erased, and its p99 meanwhile."""
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
    try:
        async with db.workspace(LARGE) as tx:
            await store.freeze(tx, ORDER)
        barrier = await store.next_transaction(db)
        async with db.workspace(LARGE) as tx:
            await store.bar(tx, barrier)
        idle, _ = await _beside(db, asyncio.sleep(1.5))
        began = time.perf_counter()
        during, gone = await _beside(db, Eraser(db, bucket.objects).erase(LARGE))
        seconds = time.perf_counter() - began
    finally:
        await db.close()
    if not gone:
        raise AssertionError("nothing was erased")
    return idle, seconds, during


async def _bare(admin_url: str, dsns: ServiceDsns, bucket: _Bucket) -> tuple[float, float]:
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
    connection = await asyncpg.connect(same_database(admin_url, dsns))

    async def delete() -> None:
        for table in _DELETE:
            await connection.execute(f"DELETE FROM {table} WHERE workspace_id = $1", LARGE)
        await bucket.delete_bare()

    try:
        began = time.perf_counter()
        during, _ = await _beside(db, delete())
        return time.perf_counter() - began, during
    finally:
        await connection.close()
        await db.close()


async def _beside(db: Database, work: Awaitable[object]) -> tuple[float, object]:
    """The p99 of the other workspace's writes in milliseconds, while `work` goes on; and what that gives."""
    times: list[float] = []

    async def write() -> None:
        while True:
            began = time.perf_counter()
            async with db.workspace(OTHER) as tx:
                await tx.execute(
                    "membership_save", user_id="user_1", present=True, role="member", sequence=len(times) + 1
                )
            times.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(_PAUSE)

    writing = asyncio.create_task(write())
    try:
        result = await work
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    return sorted(times)[min(len(times) - 1, int(_P99 * len(times)))] if times else 0.0, result
