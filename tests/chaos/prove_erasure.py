"""Erasure: nothing of a workspace is kept without a rule that says what becomes of it.

Changes that somebody might make (tables, columns, views, folders, topics, providers) are drawn from the seed and tried on migrated
databases of all services; each has to fail the build. And nothing of an erased workspace comes back, in schedules drawn from the seed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from architecture.erasure.trying import FULL, QUICK, tried
from chaos.erasure import MUTANTS, run
from chaos.harness import Plan, Verdict
from chaos.server import postgres
from contracts.registry import SERVICES
from database import MigrationSettings, migrate
from integration.erasure.place import Place, place_in
from local.postgres import provision
from messaging.erasure.worker import QUIET_SECONDS
from testkit.postgres import PASSWORDS, migration_folders
from testkit.tables import same_database

QUICK_SCHEDULES, FULL_SCHEDULES = 100, 1_000
MOST_FOR_A_MUTANT = 60


async def prove(plan: Plan) -> Verdict:
    """Try the mutants of the rules."""
    count = FULL if plan.full else QUICK
    with postgres() as admin_url:
        async with AsyncExitStack() as stack:
            databases = {name: await stack.enter_async_context(_migrated(admin_url, name)) for name in SERVICES}
            result = await tried(databases, count, plan.seed, plan.tick)
        schedules = await _schedules(admin_url, plan)
    figures = {
        **schedules.figures,
        "manifest_mutants": result.count,
        "manifest_mutants_failed_build": result.count - len(result.survived),
    }
    problems = [f"seed {plan.seed}: nothing was found of {name}" for name in result.survived]
    problems += [f"found without any mutant, so that all would be: {one}" for one in result.before]
    if result.count < count:
        problems.append(f"only {result.count} of {count} mutants could be made")
    return Verdict(figures, (*problems, *schedules.problems))


async def _schedules(admin_url: str, plan: Plan) -> Verdict:
    """Run schedules, then erasures that are wrong until each is found, in the database of ingest."""
    count = FULL_SCHEDULES if plan.full else QUICK_SCHEDULES
    resurrected, unfinished, missed = [], [], []
    dsns = await provision(admin_url, "ingest", PASSWORDS, "ingest-erased")
    migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("ingest")))
    async with place_in("ingest", dsns, admin_url) as place:
        place.quiet_seconds = QUIET_SECONDS
        for seed in range(plan.seed, plan.seed + count):
            outcome = await run(place, seed)
            if outcome.resurrected:
                resurrected.append(f"seed {seed}: rows came back in {sorted(outcome.resurrected)}")
            if not outcome.ended:
                unfinished.append(f"seed {seed}: the erasure did not end")
            plan.tick(seed - plan.seed + 1, count)
        for number, (name, mutant) in enumerate(MUTANTS.items(), 1):
            first = plan.seed + count + number * MOST_FOR_A_MUTANT
            async with mutant(place):
                found = await _found(place, range(first, first + MOST_FOR_A_MUTANT))
            if not found:
                missed.append(f"not found to be wrong: {name}")
    figures = {
        "schedules": count,
        "resurrected": len(resurrected),
        "unfinished": len(unfinished),
        "wrong_erasures": len(MUTANTS),
        "wrong_erasures_found": len(MUTANTS) - len(missed),
    }
    return Verdict(figures, (*resurrected, *unfinished, *missed))


async def _found(place: Place, seeds: Iterable[int]) -> bool:
    """Whether one of the schedules shows that something is wrong."""
    for seed in seeds:
        outcome = await run(place, seed)
        if outcome.resurrected or not outcome.ended:
            return True
    return False


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
