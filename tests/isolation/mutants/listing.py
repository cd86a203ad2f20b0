"""The list of all mutants, kept in `list.txt`: a line for each place and the walls it is tried on, with all that is done to it there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from isolation.mutants.mutant import Trial
from isolation.mutants.trials import all_trials, benches

LIST = Path(__file__).parent / "list.txt"

_BETWEEN = "; "


def read() -> list[str]:
    """What the list says: `walls: service: place: operator` for each mutant, in order."""
    found = []
    for line in LIST.read_text().splitlines():
        place, _, operators = line.rpartition(": ")
        found += [f"{place}: {operator}" for operator in operators.split(_BETWEEN)]
    return sorted(found)


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
    places: dict[str, list[str]] = defaultdict(list)
    for line in found:
        place, _, operator = line.rpartition(": ")
        places[place].append(operator)
    LIST.write_text("".join(f"{place}: {_BETWEEN.join(operators)}\n" for place, operators in sorted(places.items())))
    return len(found)
