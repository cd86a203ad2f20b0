"""A run whose workers die comes out whole, and what is built wrongly is noticed."""

from __future__ import annotations

import re

import pytest

from chaos.harness import Plan
from chaos.prove_runs import measure
from chaos.runs.mutants import MUTANTS
from chaos.runs.schedule import CALL_POINTS, LAST_POINTS, SHOWN_BY, SYNTHESIS_POINTS, Death, deaths
from testkit.postgres import ROOT

_PLAN = Plan(seed=1, full=False, tick=lambda _done, _total: None)

# Where a run ends for good, not a worker: runs that have failed are gone on with by somebody who asks for it.
_ELSEWHERE = {"analysis.call.ending_run"}


def test_every_fault_point_of_a_runs_way_is_in_the_schedule() -> None:
    package = ROOT / "services/analysis/analysis"
    files = ("workers/calls.py", "workers/syntheses.py", "models/analyst.py")
    code = "".join((package / name).read_text() for name in files)
    points = set(re.findall(r'reach\("(analysis\.(?:call|synthesis)\.[a-z_]+)"\)', code)) - _ELSEWHERE
    # The pool names its point by the work.
    points |= {"analysis.call.claimed", "analysis.synthesis.claimed"}
    drawn = {*CALL_POINTS, *SYNTHESIS_POINTS, *LAST_POINTS}
    assert points == {point for point in drawn if point.startswith("analysis.")}
    assert {death.point for death in deaths(1) if not death.stands_still} == drawn
    assert deaths(1) != deaths(2)
    assert SHOWN_BY.keys() == MUTANTS.keys()


async def test_whoever_is_killed_the_run_comes_out_whole(postgres_url: str) -> None:
    schedule = [
        Death("analysis.call.before_commit"),
        Death("analysis.call.answered", hits=2, stands_still=True),
        Death("analysis.synthesis.before_commit"),
    ]
    figures = await measure(postgres_url, [(1, schedule)], 24, _PLAN)
    assert figures.problems == []
    assert (figures.kills.total(), figures.still, figures.not_reached) == (2, 1, 0)


@pytest.mark.parametrize(
    ("mutant", "told"),
    [
        ("no fence", "calls were announced"),
        ("meters apart", "usage where there should be"),
        ("announces apart", "calls were announced"),
        ("asks twice", "asked about"),
    ],
)
async def test_what_is_built_wrongly_is_told(postgres_url: str, mutant: str, told: str) -> None:
    figures = await measure(postgres_url, [(1, SHOWN_BY[mutant])], 48, _PLAN, mutant)
    assert any(told in problem for problem in figures.problems), figures.problems
