"""The delivery proof itself: it holds for the real parts, and each mutant is caught."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from chaos.delivery.mutants import MUTANTS, Mutation
from chaos.harness import Plan
from chaos.prove_delivery import run_schedules
from database import Database

PLAN = Plan(seed=7, full=False, tick=lambda _done, _total: None)

# The schedule that catches the slowest of the mutants has a number well below this one.
SCHEDULES = 40


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The faults are the point."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


async def test_the_real_parts_lose_nothing_repeat_nothing_and_keep_order(db: Database) -> None:
    findings = await run_schedules(db, PLAN, range(15))
    assert findings.problems == []
    assert findings.messages > 100
    assert findings.crashes > 10


@pytest.mark.parametrize("mutation", MUTANTS.values(), ids=MUTANTS)
async def test_a_mutant_is_caught(db: Database, monkeypatch: pytest.MonkeyPatch, mutation: Mutation) -> None:
    mutation(monkeypatch)
    for number in range(SCHEDULES):
        if (await run_schedules(db, PLAN, range(number, number + 1))).problems:
            return
    pytest.fail("the mutant was not caught")
