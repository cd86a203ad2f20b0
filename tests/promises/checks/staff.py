"""P9: our own staff look into a workspace by a grant of two people alone, and read-only."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from promises.system import Checks, Mutant, Mutants, System, Verdict

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_SERVICES = ("ingest", "analysis", "retention")

_STAFF, _GRANT = "ada@callmine.example", uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")

_OPEN_TO_STAFF = """
SELECT c.relname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE p.polname = 'staff' AND c.relname <> 'known_staff_grants' ORDER BY 1
"""

# Of the whole database, whatever the column: a role that may only read has none of these.
_WRITES = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
  AND (has_any_column_privilege($1, c.oid, 'INSERT') OR has_any_column_privilege($1, c.oid, 'UPDATE')
       OR has_table_privilege($1, c.oid, 'DELETE') OR has_table_privilege($1, c.oid, 'TRUNCATE'))
"""

_ASK = """
INSERT INTO staff_grants (workspace_id, id, staff, service, reason, ticket, minutes) VALUES ($1, $2, $3, 'analysis', $4, 'SUP-1', $5)
"""
_APPROVE = """
INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff) VALUES ($1, $2, 'approved', $3, $4, true)
"""


@dataclass(frozen=True, slots=True)
class _Grant:
    """A grant as the service knows it: given that long ago, for that long; ended or not."""

    ago: timedelta = timedelta()
    lasts: timedelta = timedelta(minutes=10)
    ended: bool = False


def _id(workspace: str) -> str:
    """A workspace's id, by its name in the sandbox."""
    return f"org_{workspace}01"


async def nothing_without_a_grant(system: System) -> Verdict:
    """As the role that staff read with, in the workspace that did the main job: no row of any table, and no right to change one."""
    problems: list[str] = []
    tables = hidden = 0
    for service in _SERVICES:
        async with system.admin(service) as connection:
            problems += [
                f"{service}: the role may change {row['relname']}"
                for row in await connection.fetch(_WRITES, f"{service}_staff")
            ]
            for (table,) in await connection.fetch(_OPEN_TO_STAFF):
                hidden += await connection.fetchval(
                    f"SELECT count(*) FROM {table} WHERE workspace_id = $1", _id(system.ours.workspace)
                )
                tables += 1
                if seen := await _seen(system, connection, service, table, None):
                    problems.append(f"{service}: {seen} rows of {table} without a grant")
    if not tables or not hidden:
        problems.append("there is nothing that could have been seen")
    return Verdict({"tables": tables, "rows not seen": hidden}, tuple(problems))


async def grants_end(system: System) -> Verdict:
    """What a grant in force shows is gone once it is over, by its end or by its time, and was never another workspace's."""
    over = {
        "ended": _Grant(ended=True),
        "over for a second": _Grant(ago=timedelta(minutes=10, seconds=1)),
    }
    problems: list[str] = []
    async with system.admin("analysis") as connection:
        shown = await _seen(system, connection, "analysis", "runs", _Grant())
        if not shown:
            problems.append("a grant in force shows nothing: the check cannot tell")
        for what, grant in over.items():
            if seen := await _seen(system, connection, "analysis", "runs", grant):
                problems.append(f"a grant that is {what} shows {seen} runs")
        if seen := await _seen(system, connection, "analysis", "runs", _Grant(), of=_id(system.stranger)):
            problems.append(f"a grant for another workspace shows {seen} runs")
    return Verdict({"runs shown by a grant": shown, "grants that are over": len(over)}, tuple(problems))


async def two_people(system: System) -> Verdict:
    """In the database of grants itself: nobody approves their own, none lasts longer than an hour, none has another reason."""
    refused = 0
    problems: list[str] = []
    ours = _id(system.ours.workspace)
    tried: dict[str, list[tuple[str, tuple[object, ...]]]] = {
        "61 minutes": [(_ASK, (ours, _GRANT, _STAFF, "support", 61))],
        "curiosity": [(_ASK, (ours, _GRANT, _STAFF, "curiosity", 10))],
        "one's own approval": [
            (_ASK, (ours, _GRANT, _STAFF, "support", 10)),
            (_APPROVE, (ours, _GRANT, _STAFF, _STAFF)),
        ],
    }
    async with system.admin("audit") as connection:
        for what, statements in tried.items():
            transaction = connection.transaction()
            await transaction.start()
            try:
                for statement, values in statements:
                    await connection.execute(statement, *values)
                problems.append(f"a grant with {what} is taken")
            except asyncpg.CheckViolationError:
                refused += 1
            finally:
                await transaction.rollback()
    return Verdict({"grants refused": refused}, tuple(problems))


async def _seen(
    system: System, connection: Connection, service: str, table: str, grant: _Grant | None, of: str = ""
) -> int:
    """How many rows of our workspace the role sees, with a grant for the workspace `of` (ours, if none is named), or with none."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        if grant:
            await connection.execute(
                "INSERT INTO known_staff_grants (workspace_id, grant_id, staff, granted_at, expires_at, ended) "
                "VALUES ($1, $2, $3, clock_timestamp() - $4::interval, clock_timestamp() - $4::interval + $5::interval, $6)",
                of or _id(system.ours.workspace),
                _GRANT,
                _STAFF,
                grant.ago,
                grant.lasts,
                grant.ended,
            )
        entered = {"app.workspace_id": _id(system.ours.workspace), "app.staff_grant": str(_GRANT), "app.staff": _STAFF}
        for name, value in entered.items():
            await connection.execute("SELECT set_config($1, $2, true)", name, value)
        await connection.execute(f"SET LOCAL ROLE {service}_staff")
        return int(await connection.fetchval(f"SELECT count(workspace_id) FROM {table}"))
    finally:
        await transaction.rollback()


@asynccontextmanager
async def _policy(system: System, table: str, seen: str) -> AsyncIterator[None]:
    async with system.admin("analysis") as connection:
        before = await connection.fetchval(
            "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = $1::regclass AND polname = 'staff'",
            table,
        )
    alter = f"ALTER POLICY staff ON {table} USING"
    async with system.executed("analysis", f"{alter} ({seen})", f"{alter} ({before})"):
        yield


@asynccontextmanager
async def staff_let_in(system: System) -> AsyncIterator[None]:
    async with _policy(system, "runs", "workspace_id = current_setting('app.workspace_id')"):
        yield


@asynccontextmanager
async def staff_may_write(system: System) -> AsyncIterator[None]:
    right = "UPDATE (state) ON jobs"
    async with system.executed("ingest", f"GRANT {right} TO ingest_staff", f"REVOKE {right} FROM ingest_staff"):
        yield


@asynccontextmanager
async def grants_never_end(system: System) -> AsyncIterator[None]:
    async with _policy(system, "known_staff_grants", "workspace_id = current_setting('app.workspace_id')"):
        yield


@asynccontextmanager
async def alone(system: System) -> AsyncIterator[None]:
    async with system.admin("audit") as connection:
        found = await connection.fetchrow(
            "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'staff_decisions'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%decided_by <> staff%'"
        )
    assert found, "the rule has a name"
    name, rule = found
    table = "ALTER TABLE staff_decisions"
    async with system.executed("audit", f"{table} DROP CONSTRAINT {name}", f"{table} ADD CONSTRAINT {name} {rule}"):
        yield


CHECKS: Checks = {
    "nothing-without-a-grant": nothing_without_a_grant,
    "grants-end": grants_end,
    "two-people": two_people,
}
MUTANTS: Mutants = {
    "staff-let-in": Mutant("nothing-without-a-grant", staff_let_in),
    "staff-may-write": Mutant("nothing-without-a-grant", staff_may_write),
    "grants-never-end": Mutant("grants-end", grants_never_end),
    "alone": Mutant("two-people", alone),
}
