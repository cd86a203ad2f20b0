"""What the plan allows and shows: quota, runs at a time, models, and how far back reports are visible."""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest

from analysis.domain.plan import QuotaUsedUp
from analysis.domain.run import RunState
from analysis.store import reports
from callmine.fetches.v1.fetches_pb2 import FetchRequested
from callmine.plans.v1.plans_pb2 import PlanChanged
from core.errors import NotFound
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, open_database, question
from local.postgres import ServiceDsns
from testkit.capture import unrecorded


def plan(name: str, window: int, calls: int = 1000, concurrent: int = 4) -> PlanChanged:
    return PlanChanged(
        plan=name,
        report_window_days=window,
        monthly_calls=calls,
        concurrent_runs=concurrent,
        models=["openai/small"],
    )


async def told(world: World, message: PlanChanged) -> None:
    await world.deliver(world.event(message, ACME), topic="plans")


async def age(world: World, days: float) -> None:
    """Make everything finished look `days` old."""
    await world.owner(
        f"UPDATE reports SET created_at = now() - interval '{days} days'",
        f"UPDATE report_dates SET created_at = now() - interval '{days} days'",
        f"UPDATE runs SET finished_at = now() - interval '{days} days' WHERE finished_at IS NOT NULL",
    )


async def test_out_of_quota_is_a_402_with_what_to_do(world: World) -> None:
    await told(world, plan("free", 30, calls=2, concurrent=1))
    await world.finished_run(calls=2)
    async with program(site(world), ACME) as client:
        answer = await client.post("/api/v1/runs", json={"brief": "More?"})
    assert answer.status_code == 402
    problem = answer.json()
    assert problem["reason"] == "monthly_quota_used"
    assert problem["upgrade_options"] == ["starter", "growth", "scale"]
    assert problem["addon_available"] is True
    async with browser(site(world), ACME) as maya:
        page = await maya.post("/runs", data={"brief": "More?"})
        assert page.status_code == 402
        assert "See the plans" in page.text
        assert (await maya.get("/dashboard")).status_code == 200


async def test_last_months_calls_do_not_count(world: World) -> None:
    await told(world, plan("free", 30, calls=1, concurrent=1))
    await world.finished_run(calls=1)
    with pytest.raises(QuotaUsedUp):
        await world.desk.start(ACME, question(), MAYA)
    world.clock.by = timedelta(days=32)
    await world.desk.start(ACME, question(), MAYA)


async def test_a_run_gets_no_more_calls_than_are_left(world: World) -> None:
    await told(world, plan("free", 30, calls=10, concurrent=1))
    await world.finished_run(calls=4)
    await world.desk.start(ACME, question(max_calls=50), MAYA)
    limits = [e.payload.max_calls for e in await world.sent_of(FetchRequested) if isinstance(e.payload, FetchRequested)]
    assert limits == [10, 6]


async def test_runs_at_the_same_time_cannot_spend_the_same_call_twice(world: World) -> None:
    await told(world, plan("growth", 365, calls=10, concurrent=4))
    await world.desk.start(ACME, question(max_calls=7), MAYA)
    await world.desk.start(ACME, question(max_calls=7), MAYA)
    waiting = await world.desk.start(ACME, question(max_calls=7), MAYA)
    limits = [e.payload.max_calls for e in await world.sent_of(FetchRequested) if isinstance(e.payload, FetchRequested)]
    assert limits == [7, 3]
    assert (await world.desk.run(ACME, waiting)).state is RunState.QUEUED


async def test_further_runs_wait_until_one_ends(world: World) -> None:
    first = await world.desk.start(ACME, question(max_calls=5), MAYA)
    second = await world.desk.start(ACME, question(max_calls=5), MAYA)
    third = await world.desk.start(ACME, question(max_calls=5), MAYA)
    other = await world.desk.start(RIVAL, question(max_calls=5), MAYA)
    states = [(await world.desk.run(ACME, each)).state for each in (first, second, third)]
    assert states == [RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    assert (await world.desk.run(RIVAL, other)).state is RunState.RUNNING

    await world.deliver(world.completed(first, 0))
    assert (await world.desk.run(ACME, second)).state is RunState.RUNNING
    await world.desk.cancel(ACME, second, MAYA)
    assert (await world.desk.run(ACME, third)).state is RunState.RUNNING
    asked = [e.payload.run_id for e in await world.sent_of(FetchRequested) if isinstance(e.payload, FetchRequested)]
    assert sorted(asked) == sorted(str(each) for each in (first, second, third, other))


async def test_a_larger_plan_starts_what_waits(world: World) -> None:
    await world.desk.start(ACME, question(), MAYA)
    second = await world.desk.start(ACME, question(), MAYA)
    assert (await world.desk.run(ACME, second)).state is RunState.QUEUED
    await told(world, plan("starter", 90, calls=250, concurrent=2))
    assert (await world.desk.run(ACME, second)).state is RunState.RUNNING


async def test_older_reports_are_hidden_and_come_back_with_a_larger_plan(world: World) -> None:
    run_id = await world.finished_run()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    assert report_id is not None
    paths = [
        f"/reports/{report_id}",
        f"/reports/{report_id}/calls/call0",
        f"/runs/{run_id}",
        f"/api/v1/reports/{report_id}",
    ]
    async with browser(site(world), ACME) as maya:
        await age(world, 31)
        for path in paths:
            assert (await maya.get(path)).status_code == 404
        assert (await maya.post(f"/reports/{report_id}/export")).status_code == 404
        dashboard = (await maya.get("/dashboard")).text
        assert "1 older report is hidden on Trial" in dashboard
        assert str(run_id) not in dashboard

        await told(world, plan("starter", 90))
        for path in paths:
            assert (await maya.get(path)).status_code == 200
        assert "hidden on" not in (await maya.get("/dashboard")).text
        await age(world, 91)
        assert (await maya.get(paths[0])).status_code == 404
        await told(world, plan("scale", 0))
        await age(world, 4000)
        assert (await maya.get(paths[0])).status_code == 200
        await told(world, plan("free", 30))
        assert (await maya.get(paths[0])).status_code == 404


async def test_the_wall_stands_in_the_database_not_in_the_queries(world: World, analysis_database: ServiceDsns) -> None:
    """Whatever a query forgets: as the service's own role, inside its scope, rows below the floor are not there."""
    await world.finished_run()
    with unrecorded("test_plans.py asks without a named statement, like a query that forgets the retention floor"):
        db = await open_database(analysis_database)
    await age(world, 30.01)
    async with db.workspace(ACME) as tx:
        floor = await tx._connection.fetchval("SELECT current_setting('app.report_floor')::timestamptz < now()")
        assert floor is True
        for table in ("reports", "runs"):
            assert await tx._connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        assert await reports.hidden_reports(tx) == 1
    await age(world, 29.99)
    async with db.workspace(ACME) as tx:
        assert await tx._connection.fetchval("SELECT count(*) FROM reports") == 1
    await db.close()


async def test_without_a_floor_nothing_can_be_read(world: World) -> None:
    await world.finished_run()
    connection = await asyncpg.connect(world.app_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.workspace_id', $1, true)", ACME)
            with pytest.raises(asyncpg.PostgresError):
                await connection.fetch("SELECT * FROM reports")
    finally:
        await connection.close()


async def test_a_missing_default_hides_everything(world: World) -> None:
    run_id = await world.finished_run()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    assert report_id is not None
    await world.owner("DELETE FROM default_plan")
    with pytest.raises(NotFound):
        await world.report(ACME, report_id)


async def test_usage_can_neither_be_metered_twice_nor_point_across(world: World) -> None:
    run_id = await world.finished_run(calls=1)
    for workspace in (ACME, RIVAL):
        with pytest.raises(asyncpg.PostgresError):
            await world.owner(
                f"INSERT INTO usage (workspace_id, run_id, call_id) VALUES ('{workspace}', '{run_id}', 'call0')"
            )


async def test_a_plan_decides_the_models(world: World) -> None:
    async with program(site(world), ACME) as client:
        answer = await client.post("/api/v1/runs", json={"brief": "Why?", "model": "openai/large"})
        assert answer.status_code == 400
        assert "does not include the model OpenAI, large; choose OpenAI, small" in json.dumps(answer.json())
