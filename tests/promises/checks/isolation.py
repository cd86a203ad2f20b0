"""P3: workspaces are kept apart."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from contracts.registry import SERVICES
from database import Queries
from database.checker import Catalog, check, read_catalog
from house.projects import ROOT
from isolation import catalog
from isolation.captured import check_captured, read
from isolation.reference import queries_of
from local.journey import admin_of
from promises.system import Checks, Mutant, Mutants, System, Verdict

_UNSCOPED = """

-- name: entries_of_anyone
-- The newest entries, whoever they belong to.
SELECT id, occurred_at FROM entries ORDER BY occurred_at DESC LIMIT :size;
"""

# An id that nobody has: a uuid7, as ours are.
_NEVER = "01890a5d-ac96-774b-bcce-b302099a8057"


async def statements_are_scoped(system: System) -> Verdict:
    """What is written down and what was seen to run, against the live catalogs."""
    catalogs = {service: await _catalog(system, service) for service in SERVICES}
    queries = {service: queries_of(service) for service in SERVICES}
    every = [(service, one) for service in SERVICES for one in queries[service]]
    every += [(service, one) for service, folder in system.query_folders.items() for one in Queries.load(folder)]
    problems = [str(problem) for service, one in every for problem in check(one, catalogs[service])]
    captured = read(system.captured)
    problems += [str(finding) for finding in check_captured(captured, catalogs, queries)]
    if not captured:
        problems.append("no statement of the running services was captured")
    return Verdict({"statements": len(every), "seen to run": len(captured)}, tuple(dict.fromkeys(problems)))


async def _catalog(system: System, service: str) -> Catalog:
    connection = await asyncpg.connect(system.stack.dsns[service].app)
    try:
        return await read_catalog(connection)
    finally:
        await connection.close()


async def walls_stand(system: System) -> Verdict:
    """The third and the fourth wall of each running database."""
    problems: list[str] = []
    tables = 0
    for service in SERVICES:
        async with system.admin(service) as connection:
            problems += [f"{service}: {problem}" for problem in await catalog.problems(connection, service)]
            tables += len(await catalog.tenant_tables(connection))
    return Verdict({"databases": len(SERVICES), "tables with row policies": tables}, tuple(problems))


async def strangers_see_nothing(system: System) -> Verdict:
    """By the front door, as an admin of another workspace."""
    stranger = admin_of(system.stack, system.stranger)
    run, report = system.ours.run["run_id"], system.ours.run["report_id"]
    asked = [
        ("GET", "/api/v1/reports/{}", report),
        ("GET", "/reports/{}", report),
        ("GET", "/api/v1/reports/{}/exports", report),
        ("POST", "/api/v1/reports/{}/export?format=json", report),
        ("GET", "/api/v1/runs/{}", run),
        ("GET", "/runs/{}", run),
        ("GET", "/runs/{}/requests", run),
    ]
    problems = []
    for method, path, found in asked:
        foreign = await stranger.call(method, path.format(found))
        absent = await stranger.call(method, path.format(_NEVER))
        if foreign.status_code != absent.status_code or foreign.is_success:
            told = f"{foreign.status_code}, and {absent.status_code} for what never was"
            problems.append(f"{method} {path.format('…')} answers another workspace {told}")
    return Verdict({"questions asked": len(asked)}, tuple(problems))


@asynccontextmanager
async def statement_without_scope(system: System) -> AsyncIterator[None]:
    folder = system.directory / "tmp" / "queries"
    shutil.copytree(ROOT / "services/audit/audit/queries", folder)
    with (folder / "entries.sql").open("a") as file:
        file.write(_UNSCOPED)
    system.query_folders["audit"] = folder
    try:
        yield
    finally:
        del system.query_folders["audit"]
        shutil.rmtree(folder)


@asynccontextmanager
async def policy_opened(system: System) -> AsyncIterator[None]:
    async with replaced_policy(system, "analysis", "runs", "true"):
        yield


@asynccontextmanager
async def replaced_policy(system: System, service: str, table: str, seen: str) -> AsyncIterator[None]:
    """The policy `workspace` of a table sees what `seen` says, within the block."""
    async with system.admin(service) as database:
        before = await database.fetchval(
            "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = $1::regclass AND polname = 'workspace'",
            table,
        )
        await database.execute(f"ALTER POLICY workspace ON {table} USING ({seen})")
        try:
            yield
        finally:
            await database.execute(f"ALTER POLICY workspace ON {table} USING ({before})")


@asynccontextmanager
async def role_past_policies(system: System) -> AsyncIterator[None]:
    async with system.admin("ingest") as database:
        await database.execute("ALTER ROLE ingest_app BYPASSRLS")
        try:
            yield
        finally:
            await database.execute("ALTER ROLE ingest_app NOBYPASSRLS")


@asynccontextmanager
async def stranger_let_in(system: System) -> AsyncIterator[None]:
    before, system.stranger = system.stranger, system.ours.workspace
    try:
        yield
    finally:
        system.stranger = before


CHECKS: Checks = {
    "statements-are-scoped": statements_are_scoped,
    "walls-stand": walls_stand,
    "strangers-see-nothing": strangers_see_nothing,
}
MUTANTS: Mutants = {
    "statement-without-scope": Mutant("statements-are-scoped", statement_without_scope),
    "policy-opened": Mutant("walls-stand", policy_opened),
    "role-past-policies": Mutant("walls-stand", role_past_policies),
    "stranger-let-in": Mutant("strangers-see-nothing", stranger_let_in),
}
