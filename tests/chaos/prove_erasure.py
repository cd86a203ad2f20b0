"""Erasure: nothing of a workspace is kept without a rule that says what becomes of it.

Changes that somebody might make (tables, columns, views, folders, topics, providers) are drawn from the seed and tried on migrated
databases of all services; each has to fail the build. Nothing of an erased workspace comes back, in schedules drawn from the seed. And of a
workspace that is full of canaries nothing is left in a whole running Callmine, nor in a backup that was made before and restored after.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from architecture.erasure.trying import FULL, QUICK, tried
from bench.erasure.rows import measured
from chaos.erasure import MUTANTS, run
from chaos.erasure.drill import drill
from chaos.erasure.lane import Told, ingest, lane
from chaos.harness import Figure, Plan, Verdict
from chaos.server import postgres
from contracts.registry import SERVICES
from database import MigrationSettings, migrate
from integration.erasure.place import Place
from local.postgres import provision
from testkit.postgres import PASSWORDS, migration_folders
from testkit.tables import same_database

QUICK_SCHEDULES, FULL_SCHEDULES = 1_000, 10_000
MOST_FOR_A_MUTANT = 60

# Rows and objects of the workspace whose erasure is timed beside bare deletes; small ones say little of large ones, and fail nothing.
QUICK_SIZE, FULL_SIZE = (60_000, 200), (1_000_000, 10_000)
MOST_TIMES_BARE = 1.5


async def prove(plan: Plan) -> Verdict:
    """Try the mutants of the rules."""
    count = FULL if plan.full else QUICK
    with postgres() as admin_url:
        async with AsyncExitStack() as stack:
            databases = {name: await stack.enter_async_context(_migrated(admin_url, name)) for name in SERVICES}
            result = await tried(databases, count, plan.seed, plan.tick)
        schedules = await _schedules(admin_url, plan)
    drilled = await drill(plan.tick, plan.seed)
    erasing = await measured(*(FULL_SIZE if plan.full else QUICK_SIZE))
    figures: dict[str, Figure] = {
        **drilled.figures,
        "delete_ratio": round(erasing.ratio, 3),
        "delete_rows": erasing.rows,
        "delete_objects": erasing.objects,
        "foreground_p99_ratio": round(erasing.ours.ratio, 3),
        **schedules.figures,
        "manifest_mutants": result.count,
        "manifest_mutants_failed_build": result.count - len(result.survived),
    }
    problems = [f"seed {plan.seed}: nothing was found of {name}" for name in result.survived]
    problems += [f"found without any mutant, so that all would be: {one}" for one in result.before]
    if result.count < count:
        problems.append(f"only {result.count} of {count} mutants could be made")
    if plan.full and erasing.ratio > MOST_TIMES_BARE:
        problems.append(f"an erasure takes {erasing.ratio:.2f} times as long as bare deletes")
    return Verdict(figures, (*problems, *schedules.problems, *drilled.problems))


async def _schedules(admin_url: str, plan: Plan) -> Verdict:
    """Run schedules in as many processes as there are cores, then erasures that are wrong until each is found, in ingest's database."""
    count = FULL_SCHEDULES if plan.full else QUICK_SCHEDULES
    told = await _lanes(plan, count)
    problems = [f"seed {one.seed}: rows came back in {list(one.resurrected)}" for one in told if one.resurrected]
    problems += [f"seed {one.seed}: the erasure did not end" for one in told if not one.ended]
    missed: list[str] = []
    async with ingest(admin_url, "ingest-erased") as place:
        for number, (name, mutant) in enumerate(MUTANTS.items(), 1):
            first = plan.seed + count + number * MOST_FOR_A_MUTANT
            async with mutant(place):
                found = await _found(place, range(first, first + MOST_FOR_A_MUTANT))
            if not found:
                missed.append(f"not found to be wrong: {name}")
    figures = {
        "schedules": len(told),
        "resurrected": sum(1 for one in told if one.resurrected),
        "unfinished": sum(1 for one in told if not one.ended),
        "wrong_erasures": len(MUTANTS),
        "wrong_erasures_found": len(MUTANTS) - len(missed),
    }
    return Verdict(figures, (*problems, *missed))


async def _lanes(plan: Plan, count: int) -> list[Told]:
    told: list[Told] = []

    async def follow(first: int, after: int) -> None:
        async for one in lane(first, after - first):
            told.append(one)
            plan.tick(len(told), count)

    lanes = max(1, min(os.cpu_count() or 1, count))
    edges = [plan.seed + number * count // lanes for number in range(lanes + 1)]
    async with asyncio.TaskGroup() as group:
        for first, after in itertools.pairwise(edges):
            group.create_task(follow(first, after))
    return sorted(told, key=lambda one: one.seed)


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
