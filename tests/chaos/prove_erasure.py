"""Erasure: nothing of a workspace is kept without a rule that says what becomes of it.

Changes that somebody might make (tables, columns, views, folders, topics, providers) are drawn from the seed and tried on migrated
databases of all services; each has to fail the build.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from architecture.erasure.trying import FULL, QUICK, tried
from chaos.harness import Plan, Verdict
from chaos.server import postgres
from contracts.registry import SERVICES
from database import MigrationSettings, migrate
from local.postgres import provision
from testkit.postgres import PASSWORDS, migration_folders
from testkit.tables import same_database


async def prove(plan: Plan) -> Verdict:
    """Try the mutants of the rules."""
    count = FULL if plan.full else QUICK
    with postgres() as admin_url:
        async with AsyncExitStack() as stack:
            databases = {name: await stack.enter_async_context(_migrated(admin_url, name)) for name in SERVICES}
            result = await tried(databases, count, plan.seed, plan.tick)
    figures = {
        "manifest_mutants": result.count,
        "manifest_mutants_failed_build": result.count - len(result.survived),
    }
    problems = [f"seed {plan.seed}: nothing was found of {name}" for name in result.survived]
    problems += [f"found without any mutant, so that all would be: {one}" for one in result.before]
    if result.count < count:
        problems.append(f"only {result.count} of {count} mutants could be made")
    return Verdict(figures, tuple(problems))


@asynccontextmanager
async def _migrated(admin_url: str, service: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A superuser's connection to the service's database, made for this proof."""
    dsns = await provision(admin_url, service, PASSWORDS)
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders(service)))
    connection = await asyncpg.connect(same_database(admin_url, dsns))
    try:
        yield connection
    finally:
        await connection.close()
