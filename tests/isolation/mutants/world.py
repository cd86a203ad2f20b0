"""Two databases of one service: one with the rows of several workspaces, one with those of the first alone.

Whatever the first workspace gets to see or change must be the same in both.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from contracts.registry import SERVICES
from database import MigrationSettings, migrate
from isolation.mutants.draft import Columns
from local.postgres import ServiceDsns, clone, drop, provision
from testkit.postgres import PASSWORDS, migration_folders
from testkit.tables import same_database

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

OURS, THEIRS, NOBODY = "org_a", "org_b", "org_c"
"""The workspace whose scope is set, one that must not be seen, and one without rows."""

OTHERS = (THEIRS, "org_ab", "org_A")
"""All that must not be seen: also one whose id begins with ours, and one that differs in case only."""

FLOOR = "2026-06-01T00:00:00Z"
"""What the setting `app.report_floor` holds where a service reads it."""

SEEDS = Path(__file__).parent / "seeds"

COLUMNS = """
SELECT c.relname AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
GROUP BY c.relname HAVING bool_or(a.attname = 'workspace_id') ORDER BY c.relname
"""

ENTER = (
    "SELECT set_config('app.workspace_id', $1, true), set_config('app.report_floor', $2, true), "
    "set_config('app.finding_query', 'word', true)"  # which each row of `seeds/` has
)


# The time of day, to the microsecond, that an answer took from the clock; rows of `seeds/` have whole seconds.
_CLOCK = re.compile(r" \d\d:\d\d:\d\d\.\d+")


def _without_clock(value: object) -> object:
    """A column of an answer; what the clock has given to it differs from one run to the next, and says nothing about a workspace.

    Rows of `seeds/` have no fractions of a second or of a number: such a number is an age that the statement has computed. Nought is one
    too, when the clock was read twice within a microsecond.
    """
    if isinstance(value, datetime) and value.microsecond:
        return "a time of day"
    if isinstance(value, float) and (value == 0 or not value.is_integer()):
        return "an age"
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and what the others' rows look like afterwards."""

    rows: tuple[str, ...]
    others: str


@dataclass(slots=True)
class World:
    """One service's two databases, each on a superuser's connection; transactions are always rolled back."""

    service: str
    both: Connection
    alone: Connection
    dsns: ServiceDsns
    admin_url: str
    columns: Columns
    _untouched: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The service's runtime role."""
        return f"{self.service.replace('-', '_')}_app"

    @property
    def sweep(self) -> str:
        """The role of its sweeps."""
        return f"{self.service.replace('-', '_')}_sweep"

    @property
    def owner(self) -> str:
        """The role that owns the tables."""
        return f"{self.service.replace('-', '_')}_owner"

    @property
    def database(self) -> str:
        """The name of the database with all workspaces' rows."""
        return self.dsns.owner.partition("?")[0].rpartition("/")[2]

    async def leak(
        self, sql: str, arguments: Sequence[object], role: str | None, changed: Sequence[str], scope: str | None = OURS
    ) -> str:
        """What the workspace sees or changes of the other one by running `sql`, in words; "" when nothing.

        As `role`, or as the superuser, whom no row policy stops. `changed` names the tables that the statement writes to.
        """
        both = await answer(self.both, sql, arguments, role, changed, scope)
        alone = await answer(self.alone, sql, arguments, role, changed, scope)
        if both.rows != alone.rows:
            return f"answers {both.rows[:3]} where it answers {alone.rows[:3]} without the other workspace"
        if both.others != await self._before(changed):
            return f"changes the other workspace's rows in {', '.join(changed)}"
        if alone.others != "|" * len(changed):
            return f"writes rows of another workspace into {', '.join(changed)}"
        return ""

    async def _before(self, changed: Sequence[str]) -> str:
        key = ",".join(changed)
        if key not in self._untouched:
            self._untouched[key] = await _others(self.both, changed)
        return self._untouched[key]


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """A transaction that is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def become(connection: Connection, role: str) -> None:
    """Be `role` until the transaction ends or `RESET SESSION AUTHORIZATION`."""
    await connection.execute(f"SET LOCAL SESSION AUTHORIZATION {role}")


async def enter(connection: Connection, scope: str) -> None:
    """Set what a service sets with each scope, until the transaction ends."""
    await connection.fetch(ENTER, scope, FLOOR)


async def answer(
    connection: Connection,
    sql: str,
    arguments: Sequence[object],
    role: str | None,
    changed: Sequence[str] = (),
    scope: str | None = OURS,
) -> Answer:
    """Run `sql` as `role` in a workspace's scope (None: no scope has been set) and undo it. A refusal is an answer, too."""
    async with undone(connection):
        # Foreign keys are another wall: they are not looked at.
        await connection.execute("SET LOCAL session_replication_role = replica")
        if role:
            await become(connection, role)
        if scope is not None:
            await enter(connection, scope)
        try:
            async with connection.transaction():
                statement = await connection.prepare(sql)
                found = [tuple(map(_without_clock, row)) for row in await statement.fetch(*arguments)]
                rows = sorted(_CLOCK.sub("", repr(row)) for row in found)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return Answer((f"refused: {error}",), await _others(connection, changed))
        return Answer((*rows, str(statement.get_statusmsg())), await _others(connection, changed))


async def _others(connection: Connection, tables: Sequence[str]) -> str:
    """The rows of every workspace but ours, in short."""
    if not tables:
        return ""
    await connection.execute("RESET SESSION AUTHORIZATION")
    sums = " || '|' || ".join(
        f"coalesce((SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t "
        f"WHERE workspace_id IS DISTINCT FROM '{OURS}'), '')"
        for table in tables
    )
    return str(await connection.fetchval(f"SELECT {sums} || '|'"))


async def seed(connection: Connection, service: str, workspace: str, number: int) -> None:
    """Rows of `workspace` in every tenant table of the service."""
    for name in ("messaging", service):
        text = (SEEDS / f"{name}.sql").read_text()
        await connection.execute(text.replace("@w", workspace).replace("@n", str(number)))


@asynccontextmanager
async def worlds(admin_url: str) -> AsyncIterator[Mapping[str, World]]:
    """The worlds of all services, by service; dropped at the end."""
    async with AsyncExitStack() as stack:
        yield {service: await stack.enter_async_context(world_of(admin_url, service)) for service in SERVICES}


@asynccontextmanager
async def world_of(admin_url: str, service: str) -> AsyncIterator[World]:
    """The world of one service; dropped at the end."""
    both, alone = (f"mutants-{service}-{kind}{uuid.uuid4().hex[:8]}" for kind in ("both", "alone"))
    try:
        dsns = await provision(admin_url, service, PASSWORDS, both)
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders(service)))
        await _seed_ours(same_database(admin_url, dsns), service)
        copied = await clone(admin_url, service, alone, PASSWORDS, both)
        async with AsyncExitStack() as stack:
            first, second = [await _connected(stack, same_database(admin_url, one)) for one in (dsns, copied)]
            for number, workspace in enumerate(OTHERS, 2):
                await seed(first, service, workspace, number)
            await first.execute("ANALYZE")
            columns = {row["table"]: tuple(row["columns"]) for row in await first.fetch(COLUMNS)}
            yield World(service, first, second, dsns, admin_url, columns)
    finally:
        await drop(admin_url, alone)
        await drop(admin_url, both)


async def _seed_ours(dsn: str, service: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await seed(connection, service, OURS, 1)
    finally:
        await connection.close()


async def _connected(stack: AsyncExitStack, dsn: str) -> Connection:
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    stack.push_async_callback(connection.close)
    return connection
