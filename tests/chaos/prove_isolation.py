"""Isolation: no statement, message, page or connection of one workspace shows or touches anything of another.

Parts, each of which can fail on its own: every statement is checked (isolation.statements), mutants of each wall are caught while the
other walls are off (isolation.mutants), two workspaces do not interfere (isolation.interference), no connection keeps a scope
(isolation.scopes), and the walls cost little and use their indexes (isolation.cost).
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence

from chaos.harness import ROOT, Figure, Plan, Verdict
from chaos.server import postgres
from isolation import Part, cost, interference, mutants, scopes, statements
from testkit.capture import recording

Measure = Callable[[Plan, str], Awaitable[Part]]

# What takes times has the machine to itself.
ALONE: tuple[Measure, ...] = (cost.measure,)

RECORDED = ROOT / "build" / "captured" / "proof"


async def prove(plan: Plan, transactions: int | None = None) -> Verdict:
    """Measure all parts on one server. `transactions` is how large the crowd of scopes is, if not as large as `plan` says."""
    figures: dict[str, Figure] = {}
    problems: list[str] = []
    shutil.rmtree(RECORDED, ignore_errors=True)
    with postgres() as admin_url:
        with recording(RECORDED):
            async with asyncio.TaskGroup() as group:
                lines = [group.create_task(_in_order(line, plan, admin_url)) for line in _together(plan, transactions)]
            parts = [part for line in lines for part in line.result()]
            parts += await _in_order(ALONE, plan, admin_url)
        # After the others: what they ran is captured and checked as well.
        parts.append(await statements.measure(plan, admin_url))
    for part in parts:
        figures.update(part.figures)
        problems.extend(part.problems)
    return Verdict(figures, tuple(problems))


def _together(plan: Plan, transactions: int | None) -> Sequence[Sequence[Measure]]:
    """In the quick form side by side, each line in its order: the crowd of scopes leaves the machine half of its time.

    In full one after the other: a machine that is busy for half an hour lets providers' answers come too late, which says nothing of
    isolation.
    """
    crowd: Measure = functools.partial(scopes.measure, transactions=transactions)
    if plan.full:
        return [[mutants.measure, interference.measure, crowd]]
    return [[mutants.measure, interference.measure], [crowd]]


async def _in_order(measures: Iterable[Measure], plan: Plan, admin_url: str) -> list[Part]:
    return [await measure(plan, admin_url) for measure in measures]
