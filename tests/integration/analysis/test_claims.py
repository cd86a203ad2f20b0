"""Who is claimed next: fair between workspaces and between their runs, at the same price however long the queue is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from analysis.domain.request import RunId
from analysis.store.calls import CallClaim, Turns, claim_calls
from core.ids import WorkspaceId
from integration.analysis.world import World

BIG, SMALL, THIRD = WorkspaceId("org_big1"), WorkspaceId("org_small1"), WorkspaceId("org_third1")

Runs = Mapping[str, RunId]


async def queue(world: World, calls: Mapping[tuple[WorkspaceId, str], int]) -> Runs:
    """Runs under way with so many open calls each, past the application: thousands of messages would say the same."""
    ids: dict[str, RunId] = {}
    async with world.looking() as connection:
        for (workspace_id, name), number in calls.items():
            run_id = await connection.fetchval(
                "INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, calls_fetched) "
                "VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'user_1', '{}', 'running', $2, now(), $2) RETURNING id",
                workspace_id,
                number,
            )
            await connection.execute(
                "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds, "
                "lease_until) SELECT $1, $2, 'c' || n, n, 'o', repeat('0', 64), now(), 1, now() - interval '1 s' + n * interval '1 us' "
                "FROM generate_series(1, $3) n",
                workspace_id,
                run_id,
                number,
            )
            ids[name] = RunId(run_id)
    return ids


async def claimed(world: World, limit: int, turns: Turns | None = None, visits: int = 100) -> list[CallClaim]:
    async with world.db.sweep() as tx:
        return (await claim_calls(tx, limit, 30, turns, visits))[0]


def of(claims: list[CallClaim]) -> Counter[str]:
    return Counter(claim.workspace_id for claim in claims)


async def test_workspaces_share_what_is_free_however_much_they_have_queued(world: World) -> None:
    await queue(world, {(BIG, "a"): 300, (SMALL, "b"): 5, (THIRD, "c"): 300})
    counts = of(await claimed(world, 30))
    assert counts[SMALL] == 5
    assert sorted(counts.values()) == [5, 12, 13]
    counts = of(await claimed(world, 30))
    assert counts[SMALL] == 0
    assert sorted(counts.values()) == [15, 15]


async def test_who_holds_least_goes_first(world: World) -> None:
    runs = await queue(world, {(BIG, "a"): 300, (SMALL, "b"): 5})
    held = {(BIG, runs["a"]): 40}
    assert of(await claimed(world, 4, Turns(held=held))) == {SMALL: 4}
    held |= {(SMALL, runs["b"]): 4}
    assert of(await claimed(world, 4, Turns(held=held))) == {SMALL: 1, BIG: 3}


async def test_the_runs_of_a_workspace_share_its_part(world: World) -> None:
    runs = await queue(world, {(BIG, "a1"): 300, (BIG, "a2"): 300, (BIG, "a3"): 300, (SMALL, "b"): 300})
    claims = await claimed(world, 60)
    assert of(claims) == {BIG: 30, SMALL: 30}
    assert Counter(claim.run_id for claim in claims if claim.workspace_id == BIG) == {
        runs[name]: 10 for name in ("a1", "a2", "a3")
    }
    held = {(BIG, runs["a1"]): 10, (BIG, runs["a2"]): 10}
    third = await claimed(world, 20, Turns(held=held | {(SMALL, runs["b"]): 30}))
    assert Counter(claim.run_id for claim in third)[runs["a3"]] >= 10


async def test_chance_decides_between_equals(world: World) -> None:
    """One at a time, with nothing held in between: none of them is always passed over."""
    await queue(world, {(WorkspaceId(f"org_w{number}"), f"{number}"): 40 for number in range(8)})
    counts: Counter[str] = Counter()
    for seed in range(80):
        counts += of(await claimed(world, 1, Turns(seed=seed)))
    assert len(counts) == 8


async def test_a_run_with_nothing_free_costs_one_step(world: World) -> None:
    """Calls under way or put back are not even looked at, nor do they keep others from being claimed."""
    await queue(world, {(BIG, "a"): 50, (SMALL, "b"): 5})
    await world.owner(f"UPDATE run_calls SET lease_until = now() + interval '1 h' WHERE workspace_id = '{BIG}'")
    assert of(await claimed(world, 10)) == {SMALL: 5}
    assert await claimed(world, 10) == []
    await world.owner("UPDATE run_calls SET lease_until = now() - interval '1 s' WHERE call_id = 'c7'")
    (again,) = await claimed(world, 10)
    assert (again.workspace_id, again.call_id, again.fence) == (BIG, "c7", 1)


async def test_more_runs_than_one_claim_looks_at_are_visited_in_a_circle(world: World) -> None:
    await queue(world, {(WorkspaceId(f"org_w{number}"), f"{number}"): 9 for number in range(7)})
    turns, counts = Turns(), Counter[str]()
    for _ in range(7):
        async with world.db.sweep() as tx:
            claims, turns = await claim_calls(tx, 3, 30, turns, visits=3)
        counts += of(claims)
    assert set(counts.values()) == {3}
    assert len(counts) == 7


async def test_processes_at_once_claim_each_call_once(world: World) -> None:
    await queue(world, {(BIG, "a"): 90, (BIG, "b"): 7, (SMALL, "c"): 60})

    async def process(seed: int) -> list[CallClaim]:
        """Goes on for as long as there is anything, as a pool does."""
        found, turns = [], Turns(seed=seed)
        while True:
            async with world.db.sweep() as tx:
                claims, turns = await claim_calls(tx, 8, 30, turns)
            found += claims
            if not claims and not turns.missed:
                return found

    async with asyncio.timeout(30):
        parts = await asyncio.gather(*(process(seed) for seed in range(4)))
    calls = [(claim.run_id, claim.call_id) for part in parts for claim in part]
    assert len(calls) == len(set(calls)) == 157


async def test_a_claim_waits_for_nobody(world: World) -> None:
    """A transaction that has locked a run and its calls, as one that stores results has, is passed over."""
    await queue(world, {(BIG, "a"): 5, (SMALL, "b"): 5})
    async with world.looking() as connection, connection.transaction():
        await connection.execute(f"SELECT FROM runs WHERE workspace_id = '{BIG}' FOR UPDATE")
        await connection.execute(f"UPDATE run_calls SET title = 'x' WHERE workspace_id = '{BIG}'")
        async with asyncio.timeout(10):
            assert of(await claimed(world, 10)) == {SMALL: 5}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


@pytest.mark.parametrize("calls", [200, 20_000])
async def test_a_claim_reads_as_much_of_a_long_queue_as_of_a_short_one(world: World, calls: int) -> None:
    """What is read follows from how many are claimed, not from how many wait."""
    await queue(world, {(BIG, "a"): calls, (SMALL, "b"): calls})
    await world.owner("ANALYZE run_calls")
    # An EXPLAIN is no statement of a service, so it goes past its Database.
    claim = world.db.queries["claim_calls"]
    values: dict[str, object] = {
        "limit": 10,
        "seconds": 30.0,
        "visits": 100,
        "seed": 1,
        "after_workspace": "",
        "after_run": "00000000-0000-0000-0000-000000000000",
        "held_workspaces": [],
        "held_runs": [],
        "held_calls": [],
    }
    connection = await asyncpg.connect(world.admin_url)
    try:
        await connection.execute("SET ROLE analysis_sweep")
        told = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT json) {claim.sql}", *(values[name] for name in claim.parameters)
        )
    finally:
        await connection.close()
    scans = [node for node in _nodes(json.loads(told)[0]["Plan"]) if node.get("Relation Name") == "run_calls"]
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan", "ModifyTable"}
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in scans
        if "Scan" in node["Node Type"]
    )
    assert read <= 100
