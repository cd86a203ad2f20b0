"""P10: what is asked to be deleted is, in time, with a certificate, and does not come back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import asyncpg

from architecture.erasure.rules import rules_of
from chaos.erasure.callmine import Objects, certificate_problem, completed, objects_of
from contracts.registry import SERVICES
from isolation.mutants.world import seed
from promises.system import Checks, Mutant, Mutants, System, Verdict

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

# Less than a check may take; by its clock: verifications that would wait for ten minutes are made at once.
_PATIENCE = 45.0

# What an erasure says of itself passes the fence, and goes with upkeep.
_BESIDE = {
    "outbox": "topic NOT IN ('erasure', 'erasure-receipts')",
    "inbox": "consumer NOT LIKE '%.erasure' AND consumer NOT LIKE '%.erasure-receipts'",
}

# The seeds' log is none that could go on, and their requests are under way.
_UNDONE = {
    "audit": ("log_arrivals", "log_anchors", "log_redactions", "log_erasures", "log_seals", "log_tiles", "log_heads"),
    "credential-vault": ("erasures",),
    "retention": (
        "erasure_parts",
        "erasures",
        "report_erasure_parts",
        "report_erasures",
        "person_request_parts",
        "person_requests",
    ),
}

# What is over is tidied away within the minute.
_PEOPLE_LATER = (
    "UPDATE person_erasures SET next_at = now() + interval '1 day' WHERE workspace_id = $1 AND next_at IS NOT NULL"
)
_LATER = {
    **dict.fromkeys(SERVICES, (_PEOPLE_LATER,)),
    "credential-vault": (
        _PEOPLE_LATER,
        "UPDATE oauth_states SET expires_at = now() + interval '1 hour' WHERE workspace_id = $1",
    ),
    "ingest": (
        _PEOPLE_LATER,
        "UPDATE person_searches SET next_at = now() + interval '1 day' WHERE workspace_id = $1 AND next_at IS NOT NULL",
    ),
}

_REQUEST = """
INSERT INTO erasures (workspace_id, id, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at)
VALUES ($1, $2, true, 'ada@callmine.example', 'SUP-1', now() - interval '25 hours', 'UTC', now() - interval '1 hour',
        now() + interval '1 day', now() + interval '3 days', now() + $3::interval, $4)
"""

_HELD_BACK = "UPDATE outbox SET attempts = 1, next_attempt_at = now() + interval '1 day' WHERE workspace_id = $1"

_SAVE = (
    "INSERT INTO memberships (workspace_id, user_id, present, role, sequence) VALUES ($1, 'user_1', true, 'member', 1)"
)


async def erased_with_a_certificate(system: System) -> Verdict:
    """A workspace made for this, with rows in every table and an object, is erased by the running services; one beside it is not."""
    leaves, stays = (f"org_{kind}{uuid.uuid4().hex[:12]}" for kind in ("leaves", "stays"))
    async with objects_of(system.stack) as objects:
        for number, workspace in enumerate((leaves, stays), 1):
            await _make(system, objects, workspace, number)
        before, beside = await _rows(system, leaves), await _rows(system, stays)
        async with system.admin("retention") as connection:
            await connection.execute(_REQUEST, leaves, uuid.uuid4(), timedelta(days=6), datetime.now(UTC))
        if not await completed(system.stack, _PATIENCE):
            return Verdict({}, ("the erasure has not come to its end",))
        after, kept = await _rows(system, leaves), await _rows(system, stays)
        await _unsay(system, stays)
        left, there = [await objects.names(f"workspaces/{one}/") for one in (leaves, stays)]
    problems = [f"{count} rows are left in {table}" for table, count in after.items() if count]
    problems += [
        f"{table} of another workspace has lost rows" for table, count in beside.items() if kept[table] < count
    ]
    problems += [f"{len(left)} objects are left"] * bool(left) + ["another workspace's object is gone"] * (not there)
    problems += [f"there was nothing in {table}" for table, count in before.items() if not count]
    problem = await certificate_problem(system.stack, leaves)
    problems += [problem] if problem else []
    return Verdict({"tables": len(before), "rows erased": sum(before.values())}, tuple(problems))


async def _make(system: System, objects: Objects, workspace: str, number: int) -> None:
    for service in SERVICES:
        async with system.admin(service) as connection, connection.transaction():
            await seed(connection, service, workspace, number)
            # Nobody is to act on them: nothing is published, and nothing was begun.
            await connection.execute(_HELD_BACK, workspace)
            for statement in _LATER.get(service, ()):
                await connection.execute(statement, workspace)
            for table in _UNDONE.get(service, ()):
                await connection.execute(f"DELETE FROM {table} WHERE workspace_id = $1", workspace)
    await objects.put(f"workspaces/{workspace}/calls/1.json", b"{}")


async def _unsay(system: System, workspace: str) -> None:
    """Take back what is held back, so that nothing waits to be published."""
    for service in SERVICES:
        async with system.admin(service) as connection:
            await connection.execute("DELETE FROM outbox WHERE workspace_id = $1", workspace)


async def _rows(system: System, workspace: str) -> dict[str, int]:
    """How many rows there are of a workspace, in each table whose rows have to go."""
    found: dict[str, int] = {}
    for service in SERVICES:
        counts = " UNION ALL ".join(
            f"SELECT '{service}.{table}' AS name, count(*) AS rows FROM {table} WHERE workspace_id = $1 AND {_BESIDE.get(table, 'true')}"
            for table in _going(service)
        )
        async with system.admin(service) as connection:
            found |= {row["name"]: row["rows"] for row in await connection.fetch(counts, workspace)}
    return found


@cache
def _going(service: str) -> tuple[str, ...]:
    """The tables of a service whose rows go, by its rules; reading them takes a while."""
    return tuple(name for name, rule in rules_of(service).tables.items() if rule.end == "deleted")


async def nothing_comes_back(system: System) -> Verdict:
    """In each database, as the service's own role: of a workspace with a tombstone no row can be added, of another one it can."""
    gone, beside = (f"org_{uuid.uuid4().hex[:12]}" for _ in range(2))
    problems: list[str] = []
    fenced = 0
    for service in SERVICES:
        async with system.admin(service) as connection:
            missing = await _without_fence(connection, service)
            fenced += len(_going(service)) - len(missing)
            problems += [f"{service}: no fence on {table}" for table in sorted(missing)]
            if await _takes(connection, service, gone, frozen=True):
                problems.append(f"{service}: a row of an erased workspace is taken")
            if not await _takes(connection, service, beside, frozen=False):
                problems.append(f"{service}: no row is taken of any workspace: the check cannot tell")
    return Verdict({"databases": len(SERVICES), "tables with a fence": fenced}, tuple(problems))


async def _without_fence(connection: Connection, service: str) -> set[str]:
    fences = await connection.fetch(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'fence' AND tgenabled = 'O'"
    )
    return set(_going(service)) - {row["name"] for row in fences}


async def _takes(connection: Connection, service: str, workspace: str, *, frozen: bool) -> bool:
    """Whether a membership is taken, within a transaction that is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        if frozen:
            await connection.execute(
                "INSERT INTO tombstones (workspace_id, erasure_id, asked_at, due_at) VALUES ($1, 'of-a-check', now(), now())",
                workspace,
            )
        await connection.execute("SELECT set_config('app.workspace_id', $1, true)", workspace)
        await connection.execute(f"SET LOCAL ROLE {service.replace('-', '_')}_app")
        await connection.execute(_SAVE, workspace)
        return True
    except asyncpg.PostgresError:
        return False
    finally:
        await transaction.rollback()


async def late_is_public(system: System) -> Verdict:
    """A request that is past its deadline stands on the trust page at once, whatever was proved; and no longer when it is not there."""
    workspace = f"org_late{uuid.uuid4().hex[:12]}"
    async with system.admin("retention") as connection:
        await connection.execute(_REQUEST, workspace, uuid.uuid4(), timedelta(seconds=-1), None)
        try:
            during = await _says_late(system)
        finally:
            await connection.execute("DELETE FROM erasures WHERE workspace_id = $1", workspace)
    problems = ["a request is overdue, and the trust page does not say so"] * (not during)
    if await _says_late(system):
        problems.append("the trust page says that a request is overdue when none is")
    return Verdict({"overdue requests shown": int(during)}, tuple(problems))


async def _says_late(system: System) -> bool:
    answer = await system.stack.client.get(f"{system.stack.url}/trust")
    return "not done within seven business days" in answer.text


@asynccontextmanager
async def rows_stay(system: System) -> AsyncIterator[None]:
    there = """
    CREATE FUNCTION kept_by_a_mutant() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER kept_by_a_mutant BEFORE DELETE ON held_calls FOR EACH ROW EXECUTE FUNCTION kept_by_a_mutant()
    """
    async with system.executed("ingest", there, "DROP FUNCTION kept_by_a_mutant() CASCADE"):
        yield


@asynccontextmanager
async def certificate_altered(system: System) -> AsyncIterator[None]:
    there = """
    CREATE FUNCTION altered_by_a_mutant() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.certificate = replace(NEW.certificate, ''"payload":"'', ''"payload":"AAAA''); RETURN NEW; END';
    CREATE TRIGGER altered_by_a_mutant BEFORE UPDATE ON erasures FOR EACH ROW WHEN (NEW.state = 'completed')
        EXECUTE FUNCTION altered_by_a_mutant()
    """
    async with system.executed("retention", there, "DROP FUNCTION altered_by_a_mutant() CASCADE"):
        yield


@asynccontextmanager
async def fence_down(system: System) -> AsyncIterator[None]:
    table = "ALTER TABLE memberships"
    async with system.executed("analysis", f"{table} DISABLE TRIGGER fence", f"{table} ENABLE TRIGGER fence"):
        yield


@asynccontextmanager
async def late_hidden(system: System) -> AsyncIterator[None]:
    policy = "ALTER POLICY sweep ON erasures USING"
    async with system.executed("retention", f"{policy} (deadline > now())", f"{policy} (true)"):
        yield


CHECKS: Checks = {
    "erased-with-a-certificate": erased_with_a_certificate,
    "nothing-comes-back": nothing_comes_back,
    "late-is-public": late_is_public,
}
MUTANTS: Mutants = {
    "rows-stay": Mutant("erased-with-a-certificate", rows_stay),
    "certificate-altered": Mutant("erased-with-a-certificate", certificate_altered),
    "fence-down": Mutant("nothing-comes-back", fence_down),
    "late-hidden": Mutant("late-is-public", late_hidden),
}
