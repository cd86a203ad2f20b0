"""Schedules: they fire when a clock on the wall says so, in every zone, right through every change of clocks.

Zones, years and timings are drawn from the seed; what fires is compared with an oracle that looks at each zone's clock every minute.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from random import Random

from analysis.domain.schedule_times import firings_after
from chaos.harness import Plan, Verdict
from chaos.schedules import Case, Compared, compare, draw, total
from chaos.schedules.mutants import CASE, MUTANTS

QUICK_ZONES, QUICK_YEARS = 10, 2
FULL_ZONES, FULL_YEARS = 100, 10
TIMINGS = 8


async def prove(plan: Plan) -> Verdict:
    """Compare zone by zone, on all processors."""
    zones, years = (FULL_ZONES, FULL_YEARS) if plan.full else (QUICK_ZONES, QUICK_YEARS)
    cases = draw(Random(plan.seed), zones, years, TIMINGS)
    found: list[Compared] = []
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for done in asyncio.as_completed([loop.run_in_executor(processes, ours, case) for case in cases]):
            found.append(await done)
            plan.tick(len(found), zones)
    survived = [name for name, mutant in MUTANTS.items() if not compare(CASE, mutant).problems]
    sums = total(found)
    figures = {
        "zones": zones,
        "years_each": years,
        "timings": zones * TIMINGS,
        "changes_of_clocks": sums.jumps,
        "firings": sums.firings,
        "different": len(sums.problems),
        "wrong_ways": len(MUTANTS),
        "wrong_ways_found": len(MUTANTS) - len(survived),
    }
    problems = [f"seed {plan.seed}: {problem}" for problem in sums.problems]
    return Verdict(figures, (*problems, *(f"not found to be wrong: {name}" for name in survived)))


ours = partial(compare, fire=firings_after)
"""What the service does, beside the oracle."""

__all__ = ["Case", "ours", "prove"]
