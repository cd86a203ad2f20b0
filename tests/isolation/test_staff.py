"""The staff role by itself: without a grant in force for exactly this workspace and this person it sees nothing, and it never writes.

Whatever a person could type is tried on a real connection of the role, and each part of its policies is taken out once to see that it is
missed.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest

from contracts.registry import SERVICES, STAFFED
from database import Queries, UnsafeRole
from database.staff import StaffDatabase
from isolation.catalog import problems
from isolation.mutants.world import become, seed, undone
from local.postgres import ServiceDsns
from testkit.postgres import NewDatabase
from testkit.tables import same_database

OURS, THEIRS = "org_a", "org_b"
ADA, GRACE = "ada@callmine.example", "grace@callmine.example"
GRANT, OLD, ENDED = (uuid.UUID(int=number) for number in (11, 12, 13))

TABLES: Mapping[str, tuple[str, ...]] = {
    "analysis": ("runs", "run_calls", "schedules", "schedule_firings", "deliveries", "plans", "integrations"),
    "ingest": ("jobs", "members", "integrations"),
    "retention": ("subscriptions",),
}

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Stage:
    """A service's database with rows of two workspaces, and an administrator who can be anybody in it."""

    service: str
    dsns: ServiceDsns
    admin: Connection

    async def counts(self, scope: str = OURS, grant: uuid.UUID = GRANT, staff: str = ADA) -> dict[str, int]:
        """How many rows of each table the role sees when it enters so."""
        async with self.admin.transaction():
            await become(self.admin, f"{self.service}_staff")
            await enter(self.admin, scope, grant, staff)
            found = {
                name: int(await self.admin.fetchval(f"SELECT count(workspace_id) FROM {name}")) for name in self.tables
            }
            await self.admin.execute("RESET SESSION AUTHORIZATION")
        return found

    @property
    def tables(self) -> tuple[str, ...]:
        return TABLES[self.service]


async def enter(connection: Connection, scope: str, grant: uuid.UUID, staff: str) -> None:
    await connection.execute(
        "SELECT set_config('app.workspace_id', $1, true), set_config('app.staff_grant', $2, true),"
        " set_config('app.staff', $3, true)",
        scope,
        str(grant),
        staff,
    )


# In force, over by the clock, and ended; in the other workspace one for another person.
GRANTS = (
    (OURS, GRANT, ADA, "0 minutes", False),
    (OURS, OLD, ADA, "-31 minutes", False),
    (OURS, ENDED, ADA, "0 minutes", True),
    (THEIRS, GRANT, GRACE, "0 minutes", False),
)


async def staged(service: str, new_database: NewDatabase, postgres_url: str) -> Stage:
    dsns = await new_database(service)
    admin = await asyncpg.connect(same_database(postgres_url, dsns))
    for number, workspace in enumerate((OURS, THEIRS), 1):
        await seed(admin, service, workspace, number)
    await admin.executemany(
        "INSERT INTO known_staff_grants (workspace_id, grant_id, staff, granted_at, expires_at, ended)"
        " VALUES ($1, $2, $3, clock_timestamp() + $4::text::interval, clock_timestamp() + $4::text::interval + interval '30 minutes', $5)",
        GRANTS,
    )
    return Stage(service, dsns, admin)


@pytest.fixture(params=STAFFED)
async def stage(request: pytest.FixtureRequest, new_database: NewDatabase, postgres_url: str) -> AsyncIterator[Stage]:
    made = await staged(request.param, new_database, postgres_url)
    yield made
    await made.admin.close()


async def leaks(stage: Stage) -> list[str]:
    """What the role sees or does that it should not, in words; nothing when all is well."""
    admin, found = stage.admin, []
    own = {
        name: int(await admin.fetchval(f"SELECT count(*) FROM {name} WHERE workspace_id = $1", OURS))
        for name in stage.tables
    }
    assert all(own.values()), "the seeds have rows for each table"
    nothing = dict.fromkeys(stage.tables, 0)
    if await stage.counts() != own:
        found.append("a grant in force opens something else than the rows of its workspace")
    for case, entered in {
        "a grant that is over by the clock": (OURS, OLD, ADA),
        "a grant that was ended": (OURS, ENDED, ADA),
        "a grant of another workspace": (THEIRS, GRANT, ADA),
        "a grant of another person": (OURS, GRANT, GRACE),
        "a grant that there is not": (OURS, uuid.UUID(int=99), ADA),
        "a workspace that there is not": ("org_none", GRANT, ADA),
    }.items():
        if await stage.counts(*entered) != nothing:
            found.append(f"{case} opens something")
    if await _sees_after_its_end(stage):
        found.append("a session goes on after the grant's time")
    return found


async def _sees_after_its_end(stage: Stage) -> bool:
    """Whether a transaction that was let in still sees a row once the clock has passed the grant's end."""
    admin, grant = stage.admin, uuid.UUID(int=14)
    count = f"SELECT count(workspace_id) FROM {stage.tables[0]}"
    for seconds in (0.1, 1.0, 10.0):  # longer where the machine was too slow to look before the end
        async with undone(admin):
            await admin.execute(
                "INSERT INTO known_staff_grants (workspace_id, grant_id, staff, granted_at, expires_at, ended)"
                " VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + make_interval(secs => $4), false)",
                OURS,
                grant,
                ADA,
                seconds,
            )
            await become(admin, f"{stage.service}_staff")
            await enter(admin, OURS, grant, ADA)
            if await admin.fetchval(count):
                await admin.execute(f"SELECT pg_sleep({seconds})")
                return bool(await admin.fetchval(count))
    raise AssertionError("the grant was never in force")


async def test_nothing_is_seen_but_one_workspace_under_a_grant_in_force(stage: Stage) -> None:
    assert await leaks(stage) == []


_SCOPE = "workspace_id = current_setting('app.workspace_id')"
_OF_GRANT = "grant_id = current_setting('app.staff_grant')::uuid"
_OF_PERSON = "staff = current_setting('app.staff')"
_LIVE = "NOT ended AND expires_at > clock_timestamp()"
_GRANTED = f"EXISTS (SELECT FROM known_staff_grants g WHERE g.{_SCOPE})"

# Each takes one thing out of the policies, or opens a way around them.
MUTANTS: Mapping[str, str] = {
    "without the expiry": f"ALTER POLICY staff ON known_staff_grants USING ({_SCOPE} AND {_OF_GRANT} AND {_OF_PERSON} AND NOT ended)",
    "the clock of the transaction": (
        f"ALTER POLICY staff ON known_staff_grants USING ({_SCOPE} AND {_OF_GRANT} AND {_OF_PERSON} AND NOT ended AND expires_at > now())"
    ),
    "without the end": (
        f"ALTER POLICY staff ON known_staff_grants USING ({_SCOPE} AND {_OF_GRANT} AND {_OF_PERSON} AND expires_at > clock_timestamp())"
    ),
    "without the person": f"ALTER POLICY staff ON known_staff_grants USING ({_SCOPE} AND {_OF_GRANT} AND {_LIVE})",
    "without the grant": f"ALTER POLICY staff ON known_staff_grants USING ({_SCOPE} AND {_OF_PERSON} AND {_LIVE})",
    "any grant": "ALTER POLICY staff ON known_staff_grants USING (true)",
    "one more policy on grants": "CREATE POLICY more ON known_staff_grants FOR SELECT TO {role} USING (true)",
    "rows without the workspace": "ALTER POLICY staff ON {table} USING (" + _GRANTED + ")",
    "rows without a grant": "ALTER POLICY staff ON {table} USING (" + _SCOPE + ")",
    "rows by workspace or grant": "ALTER POLICY staff ON {table} USING (" + _SCOPE + " OR " + _GRANTED + ")",
    "grants of every workspace": (
        "ALTER POLICY staff ON known_staff_grants USING (" + f"{_OF_GRANT} AND {_OF_PERSON} AND {_LIVE}" + ");"
        "ALTER POLICY staff ON {table} USING (" + _SCOPE + " AND EXISTS (SELECT FROM known_staff_grants g))"
    ),
    "one more policy": "CREATE POLICY more ON {table} FOR SELECT TO {role} USING (true)",
    "the application's policy": "ALTER POLICY workspace ON {table} TO {app}, {role}",
    "row security off": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "bypasses row security": "ALTER ROLE {role} BYPASSRLS",
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_each_part_of_the_policies_is_missed(mutant: str, new_database: NewDatabase, postgres_url: str) -> None:
    """By what the role then sees, and by the catalog's rules, each alone."""
    stage = await staged("retention", new_database, postgres_url)
    names = {"table": stage.tables[0], "role": "retention_staff", "app": "retention_app"}
    async with undone(stage.admin):
        await stage.admin.execute(MUTANTS[mutant].format(**names))
        assert await leaks(stage) != []
        assert await problems(stage.admin, "retention") != []
    await stage.admin.close()


# What somebody who has the role's password, and even a grant in force, could type into it.
REFUSED = (
    "INSERT INTO {table} SELECT * FROM {table}",
    "UPDATE {table} SET workspace_id = workspace_id",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "SELECT workspace_id FROM {table} FOR UPDATE",
    "SELECT * FROM outbox",
    "SELECT * FROM inbox",
    "SELECT * FROM parked",
    "SELECT digest FROM known_api_keys",
    "SELECT body FROM idempotent_requests",
    "SELECT staff FROM known_staff_grants",
    "UPDATE known_staff_grants SET expires_at = expires_at + interval '1 minute'",
    "INSERT INTO known_staff_grants (workspace_id, grant_id, ended) VALUES ('org_a', gen_random_uuid(), false)",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/taken'",
    "SET ROLE {service}_app",
    "SET ROLE {service}_owner",
    "SET SESSION AUTHORIZATION {service}_app",
    "CREATE TEMP TABLE taken (a int)",
    "CREATE TABLE taken (a int)",
    "DO $$ BEGIN NULL; END $$",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT lo_create(0)",
    "SELECT pg_notify('staff', 'x')",
    "SELECT query FROM pg_stat_activity",
    "SELECT 1; DELETE FROM {table}",
    "SET row_security = off; SELECT workspace_id FROM {table}",
    "SET default_transaction_read_only = off; SET transaction_read_only = off; DELETE FROM {table}",
)

# Columns and tables that hold what customers said, asked and got, and what opens their accounts.
CLOSED: Mapping[str, tuple[str, ...]] = {
    "analysis": (
        "SELECT request FROM runs",
        "SELECT requested_by FROM runs",
        "SELECT title FROM run_calls",
        "SELECT name FROM schedules",
        "SELECT channel_name FROM deliveries",
        "SELECT body FROM quotes",
        "SELECT claim FROM findings",
        "SELECT document FROM reports",
        "SELECT sealed FROM slack_grants",
    ),
    "ingest": (
        "SELECT filter FROM jobs",
        "SELECT sealed FROM jobs",
        "SELECT digest FROM api_keys",
        "SELECT email FROM invitations",
    ),
    "retention": ("SELECT name FROM workspaces",),
}


async def test_nothing_is_written_and_nothing_else_is_read(stage: Stage) -> None:
    connection = await asyncpg.connect(stage.dsns.staff)
    taken = []
    try:
        for text in (*REFUSED, *CLOSED[stage.service]):
            statement = text.format(table=stage.tables[0], service=stage.service)
            async with undone(connection):
                await enter(connection, OURS, GRANT, ADA)
                try:
                    await connection.execute(statement)
                except asyncpg.InsufficientPrivilegeError:
                    continue
                taken.append(statement)
    finally:
        await connection.close()
    assert taken == []


async def test_setting_another_workspace_or_grant_opens_nothing(stage: Stage) -> None:
    """A person who sets what the policies read comes no further: they need a grant of theirs there, in force."""
    connection = await asyncpg.connect(stage.dsns.staff)
    try:
        async with undone(connection):
            with pytest.raises(asyncpg.UndefinedObjectError):
                await connection.fetch(f"SELECT workspace_id FROM {stage.tables[0]}")
        async with undone(connection):
            for scope, grant, staff in (
                (THEIRS, GRANT, ADA),
                (OURS, OLD, ADA),
                (OURS, ENDED, ADA),
                (OURS, GRANT, GRACE),
            ):
                await enter(connection, scope, grant, staff)
                assert await connection.fetch(f"SELECT workspace_id FROM {stage.tables[0]}") == []
    finally:
        await connection.close()


async def test_a_role_that_could_write_or_see_more_is_not_used(stage: Stage) -> None:
    queries = Queries.of("database", "messaging")
    await (await StaffDatabase.open(stage.dsns.staff, queries)).close()
    for dsn in (stage.dsns.app, stage.dsns.sweep, stage.dsns.owner):
        with pytest.raises(UnsafeRole):
            await StaffDatabase.open(dsn, queries)


async def test_a_question_that_takes_too_long_is_ended(stage: Stage) -> None:
    staff = await StaffDatabase.open(stage.dsns.staff, Queries.of("database", "messaging"))
    try:
        async with staff._pool.acquire() as connection:
            settings = await connection.fetchrow(
                "SELECT current_setting('statement_timeout') AS longest, current_setting('transaction_read_only') AS read_only"
            )
        assert dict(settings or {}) == {"longest": "5s", "read_only": "on"}
    finally:
        await staff.close()


async def test_the_vault_and_the_log_have_no_staff_role(new_database: NewDatabase, postgres_url: str) -> None:
    for service in set(SERVICES) - set(STAFFED):
        dsns = await new_database(service)
        assert dsns.staff == ""
        admin = await asyncpg.connect(postgres_url)
        try:
            assert (
                await admin.fetchval(
                    "SELECT count(*) FROM pg_roles WHERE rolname = $1", f"{service.replace('-', '_')}_staff"
                )
                == 0
            )
        finally:
            await admin.close()
