"""Isolation: no statement, message, page or connection of one workspace shows or touches anything of another.

Parts, each of which can fail on its own: every statement is checked (isolation.statements), mutants of each wall are caught while the
other walls are off (isolation.mutants), two workspaces do not interfere (isolation.interference), no connection keeps a scope
(isolation.scopes), and the walls cost little and use their indexes (isolation.cost).
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable

from chaos.harness import ROOT, Figure, Plan, Verdict
from chaos.server import postgres
from isolation import Part, cost, interference, mutants, scopes, statements
from testkit.capture import recording

Measure = Callable[[Plan, str], Awaitable[Part]]

# The statements come after them: what these parts run is captured and checked as well.
PARTS: tuple[Measure, ...] = (mutants.measure, interference.measure, scopes.measure, cost.measure)

RECORDED = ROOT / "build" / "captured" / "proof"


async def prove(plan: Plan) -> Verdict:
    """Measure all parts on one server."""
    figures: dict[str, Figure] = {}
    problems: list[str] = []
    shutil.rmtree(RECORDED, ignore_errors=True)
    with postgres() as admin_url:
        with recording(RECORDED):
            for measure in PARTS:
                _add(await measure(plan, admin_url), figures, problems)
        _add(await statements.measure(plan, admin_url), figures, problems)
    return Verdict(figures, tuple(problems))


def _add(part: Part, figures: dict[str, Figure], problems: list[str]) -> None:
    figures.update(part.figures)
    problems.extend(part.problems)
