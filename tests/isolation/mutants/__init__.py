"""Mutants: each wall is broken in hundreds of ways, and has to notice or to hold while the other three are off.

- checker: every statement loses its scope in every way we could think of; `database.checker` has to refuse each, by its text alone.
- database: the same statements, and others without any scope, run as the application's role, where nothing of the other workspace may be
  seen or changed; and policies, rights and roles are altered, which the catalog check or the service's own start has to notice.
- keys: rows that point across, and ids that others use, tried as a superuser; and weaker keys, which the catalog check has to notice.
- types: the interfaces are used in ways they must refuse, with superusers behind them.

A mutant counts where it does harm when no wall stands. All of them are listed in `list.txt` (`python -m isolation.mutants` writes it anew).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from chaos.harness import Plan
from database.checker import check
from isolation import Part
from isolation.mutants.mutant import Outcome, Trial, Wall
from isolation.mutants.trials import Checker, all_trials, benches

QUICK = 2
"""How many mutants of each operator of each wall have to count in a quick run."""

QUICK_TRIES = 12
"""How many are tried to find them."""


async def measure(plan: Plan, admin_url: str, checker: Checker = check) -> Part:
    """Try all mutants, or a few of each operator; the figures are `mutants`, `mutants_killed` and `wall_alone`."""
    outcomes: list[tuple[Trial, Outcome]] = []
    async with benches(admin_url, checker) as known:
        trials = [trial for bench in known.values() for trial in await all_trials(bench)]
        groups = _by_operator(trials, random.Random(plan.seed))
        for done, group in enumerate(groups):
            plan.tick(done, len(groups))
            outcomes += await _try(group if plan.full else group[:QUICK_TRIES], len(group) if plan.full else QUICK)
    return _part(plan, outcomes)


def _by_operator(trials: Sequence[Trial], rng: random.Random) -> list[list[Trial]]:
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.mutant.wall, trial.mutant.operator].append(trial)
    for group in groups.values():
        rng.shuffle(group)
    return list(groups.values())


async def _try(group: Sequence[Trial], wanted: int) -> list[tuple[Trial, Outcome]]:
    """Try mutants of one operator until `wanted` of them counted."""
    found: list[tuple[Trial, Outcome]] = []
    for trial in group:
        if len(found) >= wanted:
            break
        if await trial.valid():
            outcome = await trial.attempt()
            if not outcome.harmless:
                found.append((trial, outcome))
    return found


def _part(plan: Plan, outcomes: Sequence[tuple[Trial, Outcome]]) -> Part:
    tried = Counter(trial.mutant.wall for trial, _ in outcomes)
    killed = Counter(trial.mutant.wall for trial, outcome in outcomes if not outcome.survived)
    problems = [
        f"seed {plan.seed}: {trial.mutant}: {outcome.survived}" for trial, outcome in outcomes if outcome.survived
    ]
    return Part(
        figures={
            "mutants": len(outcomes),
            "mutants_killed": killed.total(),
            "wall_alone": {str(wall): {"mutants": tried[wall], "killed": killed[wall]} for wall in Wall},
        },
        problems=tuple(problems),
    )
