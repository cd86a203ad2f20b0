"""The list of all mutants, kept in `list.txt`: a line each, with the walls it is tried on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from isolation.mutants.mutant import Trial
from isolation.mutants.trials import all_trials, benches

LIST = Path(__file__).parent / "list.txt"


async def lines(admin_url: str) -> list[str]:
    """What the list has to say: every mutant that PostgreSQL takes."""
    walls: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    async with benches(admin_url) as known:
        for bench in known.values():
            valid: dict[Callable[[], Awaitable[bool]], bool] = {}
            for trial in await all_trials(bench):
                if await _is_valid(trial, valid):
                    one = trial.mutant
                    walls[one.service, one.place, one.operator].append(one.wall)
    return sorted(f"{'+'.join(tried)}: {': '.join(mutant)}" for mutant, tried in walls.items())


async def _is_valid(trial: Trial, known: dict[Callable[[], Awaitable[bool]], bool]) -> bool:
    """Asked once for all the walls that a mutant is tried on."""
    if trial.valid not in known:
        known[trial.valid] = await trial.valid()
    return known[trial.valid]


def write(admin_url: str) -> int:
    """Write the list anew; how many mutants it has."""
    found = asyncio.run(lines(admin_url))
    LIST.write_text("\n".join(found) + "\n")
    return len(found)
