"""Runs: whoever is killed where, every call is metered once and appears once, and the report is complete.

Worker processes of the service, with the model on OpenAI's wire over TLS, are killed with SIGKILL at every fault point of a run's way, in
an order and at a time that the seed draws; one stands still meanwhile and goes on too late. The provider's journal says what was asked:
the model is asked again only about calls that were in flight when a worker died.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from analysis.domain.plan import Plan as CallPlan
from analysis.store import plans
from chaos.harness import Plan, Verdict
from chaos.runs.life import Order
from chaos.runs.lives import lives
from chaos.runs.provider import Asked, Reply, serving
from chaos.runs.schedule import SHOWN_BY, Death, deaths
from chaos.runs.trial import Figures, Trial
from chaos.server import postgres
from database import MigrationSettings, migrate
from integration.analysis.world import world as opened
from local.postgres import drop, provision
from local.tls import Authority
from testkit.postgres import PASSWORDS, migration_folders

QUICK, FULL = 12, 100
CALLS = 200

# Runs side by side, each lane with a database of its own: most of a run's time goes into waiting for processes and their leases.
LANES = 8

# Roles are a server's, not a database's: two lanes must not make them at once.
_PROVISIONING = asyncio.Lock()

# So many calls that no run of a proof meets it.
_PLAN = CallPlan("scale", 0, 1_000_000, 10, ("openai/small",))


async def prove(plan: Plan) -> Verdict:
    """Run the seeds in lanes, then each mutant."""
    with postgres() as admin_url:
        figures = await _in_lanes(admin_url, plan)
        quiet = Plan(plan.seed, plan.full, lambda _done, _total: None)
        for mutant, schedule in SHOWN_BY.items():
            shown = await measure(admin_url, [(plan.seed, schedule)], CALLS, quiet, mutant)
            if not shown.problems:
                figures.problems.append(f"mutant {mutant}: nothing was noticed")
    return Verdict(
        {
            "runs": figures.runs,
            "calls": figures.calls,
            "kills": sum(figures.kills.values()),
            "kills_by_point": {point: {"kills": n} for point, n in sorted(figures.kills.items())},
            "stood_still": figures.still,
            "points_not_reached": figures.not_reached,
            "questions": figures.questions,
            "questions_repeated": figures.repeated,
            "in_flight_at_a_kill": figures.in_flight,
            "mutants_tried": len(SHOWN_BY),
        },
        tuple(figures.problems),
    )


async def _in_lanes(admin_url: str, plan: Plan) -> Figures:
    """All seeds, some side by side."""
    seeds = range(plan.seed, plan.seed + (FULL if plan.full else QUICK))
    over = 0

    def tick(_done: int, _total: int) -> None:
        nonlocal over
        over += 1
        plan.tick(over, len(seeds))

    counted = replace(plan, tick=tick)
    lanes = [[(seed, deaths(seed)) for seed in seeds[lane::LANES]] for lane in range(LANES)]
    figures = Figures()
    for found in await asyncio.gather(*(measure(admin_url, lane, CALLS, counted) for lane in lanes)):
        figures.add(found)
    return figures


async def measure(
    admin_url: str, schedules: Sequence[tuple[int, Sequence[Death]]], calls: int, plan: Plan, mutant: str = ""
) -> Figures:
    """A run of so many calls for each seed and its deaths."""
    figures = Figures()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callmine-runs-")))
        name = f"proof-runs-{folder.name[-8:].replace('_', '0')}"
        async with _PROVISIONING:
            dsns = await provision(admin_url, "analysis", PASSWORDS, name)
        stack.push_async_callback(drop, admin_url, name)
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
        world = await stack.enter_async_context(opened(dsns, admin_url))
        admin = await stack.enter_async_context(world.looking())
        async with world.db.sweep() as tx:
            await plans.set_default_plan(tx, _PLAN)
        trials: dict[str, Trial] = {}

        async def answer(asked: Asked) -> Reply:
            return await trials[asked.key.partition("-")[0]].answer(asked)

        authority = Authority.open(folder / "tls")
        provider = await stack.enter_async_context(serving(answer, authority))
        known = await stack.enter_async_context(lives())
        for number, (seed, schedule) in enumerate(schedules):
            here = folder / f"{seed}"
            here.mkdir()
            ca_file = str(authority.ca_file)
            order = Order(
                "", dsns.app, dsns.sweep, provider.url, ca_file, str(here), str(here / "messages"), mutant=mutant
            )
            trial = Trial(world, admin, known, order, seed, calls, figures)
            trials[trial.name] = trial
            await trial.run(schedule)
            plan.tick(number + 1, len(schedules))
    return figures
