"""The way of an entry, with and without sealing; and the bare INSERT beside it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import asyncpg

from audit.domain.entry import as_diff
from audit.events import _entry, routes
from audit.log.keys import Salts
from audit.main import PULL
from bench.audit.load import BATCH, Events, batches, events
from bench.audit.spent import spent
from chaos.audit.fresh import fresh, opened
from core.memory import collect_seldom, settle
from database.connect import open_pool
from local.postgres import ServiceDsns
from messaging import Consumer, Delivery, Verdict

# Batches in the consumer at once, as in the service.
_AT_ONCE = PULL.side_by_side

# Of each round, before anything is counted: so many that everybody has a key, and again for plans and caches.
_WARMING, _AGAIN = 15_000, BATCH

_BARE = """
CREATE TABLE bare (workspace_id text NOT NULL, id uuid NOT NULL, type text NOT NULL, actor_kind text NOT NULL, actor_id text NOT NULL,
    actor_email text NOT NULL, source text NOT NULL, target_kind text NOT NULL, target_id text NOT NULL, diff jsonb NOT NULL,
    occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (workspace_id, id));
GRANT INSERT ON bare TO audit_app
"""

_INSERT = """
INSERT INTO bare (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
$10::jsonb[],     $11::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Entries a second, and the processor time that each took; with sealing also the lag in seconds and the sealer's processor time.

    PostgreSQL's is that of recording and, where there is a sealer, of sealing.
    """

    per_second: float
    until_sealed: float = 0.0
    lag_median: float = 0.0
    lag_p99: float = 0.0
    sealer_cpu_us: float = 0.0
    python_us: float = 0.0
    postgres_us: float = 0.0

    @property
    def all_us(self) -> float:
        """Of all processes."""
        return self.python_us + self.postgres_us + self.sealer_cpu_us


async def appended(admin_url: str, count: int, seed: int, pause: float | None) -> Taken:
    """Let `count` messages through on a fresh database; with a sealer that looks every `pause` seconds, or none."""
    async with fresh(admin_url) as dsns, opened(dsns) as db:
        consumer = Consumer("audit.audit", db, routes(Salts()))
        await _through(consumer, batches(events(_WARMING, seed + 1)))
        async with _sealing(dsns, 0.1) as warming:
            await _sealed(admin_url, dsns)
        del warming
        await _through(consumer, batches(events(_AGAIN, seed + 2)))
        told = batches(events(count, seed))
        # As the service does when its start is over; the messages of the whole run are of no process that serves.
        collect_seldom()
        settle()
        if pause is None:
            before = await spent(admin_url, dsns.owner)
            per_second = count / await _through(consumer, told)
            took_of = (await spent(admin_url, dsns.owner)).since(before)
            return Taken(per_second, python_us=took_of.python / count * 1e6, postgres_us=took_of.postgres / count * 1e6)
        async with _sealing(dsns, pause) as sealer:
            await _sealed(admin_url, dsns)
            before, began = await spent(admin_url, dsns.owner), time.perf_counter()
            took = await _through(consumer, told)
            await _sealed(admin_url, dsns)
            whole = time.perf_counter() - began
            took_of = (await spent(admin_url, dsns.owner)).since(before)
        lags = await _lags(admin_url, dsns, count)
        sealing = sealer[0] / (count + _AGAIN) * 1e6
        return Taken(
            count / took, count / whole, *lags, sealing, took_of.python / count * 1e6, took_of.postgres / count * 1e6
        )


async def bare(admin_url: str, told: Events) -> float:
    """The same entries by one multi-row INSERT a batch; entries a second."""
    async with fresh(admin_url) as dsns:
        await _run(admin_url, dsns, _BARE)
        pool = await open_pool(dsns.app, _AT_ONCE, "bench")
        try:
            rows = [_row(told[start : start + BATCH]) for start in range(0, len(told), BATCH)]
            began = time.perf_counter()
            await _side_by_side([partial(_insert, pool, row) for row in rows])
            return len(told) / (time.perf_counter() - began)
        finally:
            await pool.close()


async def _insert(pool: asyncpg.Pool[asyncpg.Record], row: Sequence[object]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_INSERT, *row)


def _row(told: Events) -> list[object]:
    made = [(event.workspace_id, _entry(event)) for event in told]
    columns = ("id", "type", "actor_kind", "actor_id", "actor_email", "source", "target_kind", "target_id")
    return [
        [workspace_id for workspace_id, _ in made],
        *([getattr(entry, name) for _, entry in made] for name in columns),
        [as_diff(entry.diff) for _, entry in made],
        [entry.occurred_at for _, entry in made],
    ]


async def _through(consumer: Consumer, told: Sequence[Sequence[Delivery]]) -> float:
    """Seconds until the consumer has acknowledged all of it."""

    async def one(batch: Sequence[Delivery]) -> None:
        if any(verdict is not Verdict.ACK for verdict in await consumer.process(batch)):
            raise RuntimeError("a message was not taken")

    began = time.perf_counter()
    await _side_by_side([partial(one, batch) for batch in told])
    return time.perf_counter() - began


async def _side_by_side(tasks: Sequence[Callable[[], Awaitable[None]]]) -> None:
    waiting = iter(tasks)

    async def lane() -> None:
        for task in waiting:
            await task()

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(lane())


@asynccontextmanager
async def _sealing(dsns: ServiceDsns, pause: float) -> AsyncIterator[list[float]]:
    """A sealing process; afterwards, the seconds of processor time it took."""
    pipe = asyncio.subprocess.PIPE
    arguments = ["-m", "bench.audit.sealer", dsns.app, dsns.sweep, str(pause)]
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    assert child.stdout is not None
    used: list[float] = []
    await child.stdout.readline()
    try:
        yield used
    finally:
        out, _ = await child.communicate(b"")
        used.append(float(out or b"0"))


async def _sealed(admin_url: str, dsns: ServiceDsns) -> None:
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsns.owner).path[1:])
    try:
        async with asyncio.timeout(120):
            # Somebody else's process empties the queue: there is no event to wait for.
            while await connection.fetchval("SELECT EXISTS (SELECT FROM log_arrivals)"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def _lags(admin_url: str, dsns: ServiceDsns, count: int) -> tuple[float, float]:
    """Median and 99th percentile, in seconds, of the last `count` entries."""
    lag = (
        "SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM s.sealed_at - e.recorded_at))"
        " FROM log_seals s CROSS JOIN unnest(s.entries) AS u (id)"
        " JOIN (SELECT workspace_id, id, recorded_at FROM entries ORDER BY recorded_at DESC LIMIT {count}) e"
        " ON e.workspace_id = s.workspace_id AND e.id = u.id"
    )
    median, p99 = await _value(admin_url, dsns, lag.replace("{count}", str(count)))
    return float(median), float(p99)


async def _value(admin_url: str, dsns: ServiceDsns, statement: str) -> list[float]:
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsns.owner).path[1:])
    try:
        found: list[float] = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


async def _run(admin_url: str, dsns: ServiceDsns, statement: str) -> None:
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsns.owner).path[1:])
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
