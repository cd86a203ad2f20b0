"""Calls that are metered together come out as if they had been metered one by one."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from analysis.domain.request import RunId
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.reports.v1.reports_pb2 import UsageThresholdReached
from core.ids import WorkspaceId
from integration.analysis.world import ACME, RIVAL, World

CALLS = 30


async def told(world: World, workspace_id: WorkspaceId, message: PlanChanged | AddonCredited) -> None:
    await world.deliver(world.event(message, workspace_id, workspace_id), topic="plans")


def plan(calls: int) -> PlanChanged:
    return PlanChanged(
        plan="starter", report_window_days=90, monthly_calls=calls, concurrent_runs=4, models=["openai/small"]
    )


async def stored(world: World, workspace_id: WorkspaceId) -> RunId:
    """A run whose calls are analysed and not metered, past the application, which does no such thing."""
    async with world.looking() as connection:
        run_id = await connection.fetchval(
            "INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, calls_fetched) "
            "VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'user_1', '{}', 'running', 1, now(), $2) RETURNING id",
            workspace_id,
            CALLS,
        )
        await connection.execute(
            "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds) "
            "SELECT $1, $2, 'c' || n, n, 'o', repeat('0', 64), now(), 1 FROM generate_series(0, $3 - 1) n",
            workspace_id,
            run_id,
            CALLS,
        )
        await connection.execute(
            "INSERT INTO analyses (workspace_id, run_id, call_id, title, account, rep, segment, verdict, summary, rep_talk_ms, "
            "total_talk_ms, quotes_dropped) SELECT workspace_id, run_id, call_id, '', '', '', '', 'yes', '', 0, 0, 0 FROM run_calls "
            "WHERE run_id = $1",
            run_id,
        )
    return RunId(run_id)


async def metered(world: World, workspace_id: WorkspaceId, run_id: RunId, parts: Sequence[Sequence[str]]) -> None:
    for part in parts:
        async with world.db.workspace(workspace_id) as tx:
            await world.desk.lifecycle.meter(tx, run_id, part)


async def outcome(world: World, workspace_id: WorkspaceId) -> tuple[object, ...]:
    of = f"WHERE workspace_id = '{workspace_id}'"
    units = await world.rows(f"SELECT call_id, paid_by FROM usage {of} ORDER BY call_id")
    months = await world.rows(f"SELECT begins_at, by_plan, reached FROM usage_months {of}")
    balance = await world.rows(f"SELECT bought, used FROM addon_balances {of}")
    reached = [
        (p.percent, p.used, p.monthly_calls, p.addon_calls)
        for e in await world.sent_of(UsageThresholdReached)
        if e.workspace_id == workspace_id and isinstance(p := e.payload, UsageThresholdReached)
    ]
    return [tuple(row) for row in units], [tuple(row) for row in months], [tuple(row) for row in balance], reached


@pytest.mark.parametrize("seed", range(12))
async def test_together_is_as_one_by_one(world: World, seed: int) -> None:
    """Plans that change in between, bought calls, and parts of any size at every edge."""
    rng = Random(seed)
    runs = {workspace_id: await stored(world, workspace_id) for workspace_id in (ACME, RIVAL)}
    names = [f"c{number}" for number in range(CALLS)]
    if rng.random() < 0.7:
        for workspace_id in runs:
            await told(world, workspace_id, AddonCredited(purchase_id="cs_1", calls=1 + seed))
    while names:
        calls = rng.choice([0, 1, 2, 5, 10, 25, 40])
        for workspace_id in runs:
            await told(world, workspace_id, plan(calls))
        part, names = names[: (size := rng.randint(1, 12))], names[size:]
        await metered(world, ACME, runs[ACME], [part])
        await metered(world, RIVAL, runs[RIVAL], [[name] for name in part])
    together, apart = await outcome(world, ACME), await outcome(world, RIVAL)
    assert together == apart
    assert together[0]


async def test_a_part_that_passes_both_thresholds_tells_both(world: World) -> None:
    run_id = await stored(world, ACME)
    await told(world, ACME, plan(10))
    await told(world, ACME, AddonCredited(purchase_id="cs_1", calls=3))
    await metered(world, ACME, run_id, [[f"c{number}" for number in range(15)]])
    units, _, balance, reached = await outcome(world, ACME)
    assert reached == [(80, 8, 10, 3), (100, 10, 10, 3)]
    assert balance == [(3, 3)]
    assert isinstance(units, list)
    paid = [by for name, by in sorted(units, key=lambda unit: int(unit[0][1:]))]
    assert paid == ["plan"] * 10 + ["addon"] * 3 + ["nobody"] * 2
