"""The proof fails when a wall alone does not notice a mutant, or hold against it (that each does is in test_proof.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from chaos.harness import Plan
from isolation import Part, mutants
from isolation.mutants import interfaces, lifetimes, probes, shapes, ties, wholes
from isolation.mutants.altered import alter
from isolation.mutants.definitions import CONDITIONS, SCHEMAS, TABLES, definitions
from isolation.mutants.listing import LIST, lines, read
from isolation.mutants.probes import probe
from isolation.mutants.world import world_of

PLAN = Plan(seed=1, full=False, tick=lambda done, total: None)

SCOPE = "workspace_id = current_setting('app.workspace_id')"

AT_LEAST = 500
LARGEST_LIST = 1_000_000
"""Bytes."""


def counts(part: Part) -> Mapping[str, Mapping[str, int]]:
    """Mutants and killed mutants by wall."""
    found = part.figures["wall_alone"]
    assert isinstance(found, Mapping)
    return found


@pytest.mark.slow
async def test_a_checker_that_sees_nothing_is_found_out(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "QUICK", 1)
    part = await mutants.measure(PLAN, postgres_url, lambda statement, catalog: [])
    checker = counts(part)["checker"]
    assert checker["killed"] == 0 < checker["mutants"]
    assert len(part.problems) == checker["mutants"]
    assert "the checker lets it pass: " in part.problems[0]


@pytest.mark.slow
async def test_a_database_that_lets_everything_pass_is_found_out(postgres_url: str) -> None:
    async with world_of(postgres_url, "retention") as world:
        await world.both.execute("ALTER POLICY workspace ON workspaces USING (true) WITH CHECK (true)")
        leaking = [
            operator for table, operator in probes.probes(world) if (await probe(world, table, operator)).survived
        ]
        assert {"read everything", "change everything"} <= set(leaking)
        one, *_ = await definitions(world)
        unnoticed = await alter(world, replace(one, ddl="COMMENT ON TABLE workspaces IS 'nothing is wrong here'"))
        assert unnoticed.survived == "", "the open policy is noticed, whatever else is altered"
        await world.both.execute(f"ALTER POLICY workspace ON workspaces USING ({SCOPE}) WITH CHECK ({SCOPE})")
        unnoticed = await alter(world, replace(one, ddl="COMMENT ON TABLE workspaces IS 'nothing is wrong here'"))
        assert "nobody notices COMMENT" in unnoticed.survived


@pytest.mark.slow
async def test_the_list_is_what_is_tried(postgres_url: str) -> None:
    """A new query, table or policy makes it grow."""
    assert read() == await lines(postgres_url), f"{LIST} is not up to date: run python -m isolation.mutants in tests/"


def test_the_list_is_long_enough_and_knows_every_operator() -> None:
    assert LIST.stat().st_size < LARGEST_LIST
    listed = [line.split(": ") for line in read()]
    assert len(listed) >= AT_LEAST
    assert all(
        Counter(walls for walls, *_ in listed)[wall] for wall in ("checker+database", "database", "keys", "types")
    )
    operators = {line[-1] for line in listed}
    conditions = {f"{clause} {name}" for clause in ("USING", "WITH CHECK") for name in CONDITIONS}
    known = {
        *ties.WEAKENINGS, *shapes.SHAPES, *wholes.WHOLES, *probes.PROBES, *conditions, *TABLES, *SCHEMAS,
        *interfaces.TENANT, *interfaces.SWEEPING, *lifetimes.ENDS, *lifetimes.SINGLE,
    }  # fmt: skip
    assert known - operators == set()
