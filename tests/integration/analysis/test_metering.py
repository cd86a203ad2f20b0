"""The ledger: what pays for an analysed call, when people are told, and that it always adds up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from analysis.domain.plan import QuotaUsedUp, RunTooLarge
from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.store import plans
from callmine.calls.v1.calls_pb2 import FetchFailed
from callmine.fetches.v1.fetches_pb2 import FetchRequested
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.reports.v1.reports_pb2 import UsageThresholdReached
from core import faultpoints
from database import Row
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from messaging import Verdict


def plan(calls: int, anchor: datetime | None = None, concurrent: int = 4) -> PlanChanged:
    message = PlanChanged(
        plan="starter",
        report_window_days=90,
        monthly_calls=calls,
        concurrent_runs=concurrent,
        models=["openai/small"],
    )
    if anchor is not None:
        message.billing_anchor.FromDatetime(anchor)
    return message


async def told(world: World, message: PlanChanged | AddonCredited, workspace_id: str = ACME) -> list[Verdict]:
    return await world.deliver(world.event(message, f"{workspace_id}", workspace_id), topic="plans")  # type: ignore[arg-type]


async def bought(world: World, purchase: str, calls: int) -> list[Verdict]:
    return await told(world, AddonCredited(purchase_id=purchase, calls=calls))


async def paid(world: World) -> dict[str, int]:
    rows = await world.rows("SELECT paid_by, count(*) AS calls FROM usage GROUP BY 1")
    return {row["paid_by"]: row["calls"] for row in rows}


async def analysed(world: World, calls: int) -> RunId:
    """A run over so many calls, as far as it goes."""
    run_id = await world.desk.start(ACME, question(max_calls=1000), MAYA)
    return await fetched(world, run_id, calls)


async def fetched(world: World, run_id: RunId, calls: int) -> RunId:
    for number in range(calls):
        await world.deliver(await world.fetched(run_id, f"call{number}"))
    await world.deliver(world.completed(run_id, calls))
    await world.work()
    return run_id


async def test_the_plan_pays_first_and_then_what_was_bought(world: World) -> None:
    await told(world, plan(3))
    await bought(world, "cs_1", 100)
    await analysed(world, 5)
    assert await paid(world) == {"plan": 3, "addon": 2}
    quota = (await world.desk.situation(ACME)).quota
    assert (quota.used, quota.left_of_plan, quota.addon_calls, quota.left) == (3, 0, 98, 98)


async def test_a_purchase_counts_once(world: World) -> None:
    for _ in range(3):
        assert await bought(world, "cs_1", 100) == [Verdict.ACK]
    await bought(world, "cs_2", 100)
    assert (await world.desk.situation(ACME)).quota.addon_calls == 200
    assert (await world.desk.situation(RIVAL)).quota.addon_calls == 0


@pytest.mark.parametrize(
    ("purchase", "calls"), [("cs_1", 0), ("cs_1", -5), ("", 100), ("x" * 300, 1), ("cs_1", 2**31 - 1)]
)
async def test_a_purchase_that_cannot_be_is_parked(world: World, purchase: str, calls: int) -> None:
    await bought(world, purchase, calls)
    assert len(await world.rows("SELECT * FROM parked")) == 1
    assert (await world.desk.situation(ACME)).quota.addon_calls == 0


async def test_a_purchase_lets_a_waiting_run_begin(world: World) -> None:
    await told(world, plan(5))
    first = await world.desk.start(ACME, question(max_calls=5), MAYA)
    second = await world.desk.start(ACME, question(max_calls=5), MAYA)
    assert (await world.desk.run(ACME, second)).state is RunState.QUEUED
    await bought(world, "cs_1", 100)
    assert (await world.desk.run(ACME, second)).state is RunState.RUNNING
    await fetched(world, first, 5)
    assert await paid(world) == {"plan": 5}
    await fetched(world, second, 5)
    assert await paid(world) == {"plan": 5, "addon": 5}


async def test_bought_calls_outlive_the_month_and_the_plans_do_not(world: World) -> None:
    await told(world, plan(4))
    await bought(world, "cs_1", 10)
    await analysed(world, 6)
    world.clock.by = timedelta(days=40)
    quota = (await world.desk.situation(ACME)).quota
    assert (quota.used, quota.left_of_plan, quota.addon_calls) == (0, 4, 8)


async def test_the_month_begins_with_the_anchor(world: World) -> None:
    now = datetime.now(UTC)
    await told(world, plan(2, anchor=now - timedelta(days=400, minutes=5)))
    await analysed(world, 2)
    with pytest.raises(QuotaUsedUp, match="next month, which begins on"):
        await world.desk.start(ACME, question(), MAYA)
    ends = (await world.desk.situation(ACME)).quota.month
    assert ends is not None
    world.clock.by = ends.ends_at - datetime.now(UTC) - timedelta(seconds=30)
    with pytest.raises(QuotaUsedUp):
        await world.desk.start(ACME, question(), MAYA)
    world.clock.by += timedelta(seconds=31)
    await world.desk.start(ACME, question(), MAYA)


async def test_people_are_told_once_at_80_and_at_100_percent(world: World) -> None:
    await told(world, plan(10))
    reached = []
    for calls in (7, 1, 1, 1):
        await analysed(world, calls)
        reached.append([(e.payload.percent, e.payload.used) for e in await world.sent_of(UsageThresholdReached)])  # type: ignore[attr-defined]
        if calls == 1 and len(reached) == 2:
            async with browser(site(world), ACME) as maya:
                assert "80 % of the month" in (await maya.get("/dashboard")).text
    assert reached == [[], [(80, 8)], [(80, 8)], [(80, 8), (100, 10)]]
    async with browser(site(world), ACME) as maya:
        assert "analysed calls are used up" in (await maya.get("/dashboard")).text
    world.clock.by = timedelta(days=40)
    await analysed(world, 8)
    assert len(await world.sent_of(UsageThresholdReached)) == 3
    sequences = [e.sequence for e in await world.sent_of(UsageThresholdReached)]
    assert sequences == sorted(set(sequences))


async def test_a_run_that_would_exceed_says_so_and_can_be_capped(world: World) -> None:
    await told(world, plan(5))
    with pytest.raises(RunTooLarge, match="may use 8 analysed calls, and 5 are left"):
        await world.desk.start(ACME, question(max_calls=8), MAYA, capped=False)
    async with program(site(world), ACME) as client:
        answer = await client.post("/api/v1/runs", json={"brief": "All of them?", "max_calls": 8})
        assert answer.status_code == 402
        problem = answer.json()
        assert (problem["reason"], problem["wanted"], problem["available"]) == ("run_exceeds_quota", 8, 5)
        assert problem["upgrade_options"] == ["growth", "scale"]
        assert (await client.post("/api/v1/runs", json={"brief": "Some?"})).json()["call_limit"] == 5
        assert await world.rows("SELECT * FROM usage") == []
    async with browser(site(world), RIVAL) as theirs:
        await told(world, plan(5), RIVAL)
        page = await theirs.post("/runs", data={"brief": "All?", "max_calls": "8"})
        assert page.status_code == 402
        capped = await theirs.post("/runs", data={"brief": "All?", "max_calls": "8", "cap": "true"})
        assert capped.status_code == 303
    limits = [e.payload.max_calls for e in await world.sent_of(FetchRequested)]  # type: ignore[attr-defined]
    assert limits == [5, 5]


async def test_a_plan_that_becomes_smaller_under_way_charges_nobody_for_the_rest(world: World) -> None:
    await told(world, plan(10))
    run_id = await world.desk.start(ACME, question(max_calls=10), MAYA)
    await told(world, plan(2))
    await fetched(world, run_id, 6)
    assert (await world.desk.run(ACME, run_id)).calls_analysed == 6
    assert await paid(world) == {"plan": 2, "nobody": 4}


async def test_fifty_calls_at_once_at_the_edge(world: World) -> None:
    """All of them are stored at the same time; the plan has 20 left and 15 were bought."""
    await told(world, plan(20))
    await bought(world, "cs_1", 15)
    run_id = await world.desk.start(ACME, question(max_calls=50), MAYA)
    assert (await world.desk.run(ACME, run_id)).call_limit == 35
    for number in range(35):
        await world.deliver(await world.fetched(run_id, f"call{number}"))
    await world.deliver(world.completed(run_id, 35))
    await asyncio.gather(*(world.workers.drain() for _ in range(12)))
    await world.work()
    assert await paid(world) == {"plan": 20, "addon": 15}
    told_of = [e.payload.percent for e in await world.sent_of(UsageThresholdReached)]  # type: ignore[attr-defined]
    assert sorted(told_of) == [80, 100]


async def test_what_is_left_is_of_one_moment(world: World) -> None:
    """Calls are metered while the quota is read: each is either used or promised."""
    await told(world, plan(10))
    run_id = await world.desk.start(ACME, question(max_calls=6), MAYA)
    for number in range(6):
        await world.deliver(await world.fetched(run_id, f"call{number}"))
    async with world.db.workspace(ACME) as tx:
        fetch_one = tx.fetch_one

        async def and_then_work(name: str, /, **parameters: object) -> Row | None:
            row = await fetch_one(name, **parameters)
            await world.work()
            return row

        of = await plans.plan_of(tx)
        tx.fetch_one = and_then_work  # type: ignore[method-assign]
        left = [(await plans.quota_of(tx, of, world.clock.now())).free for _ in range(2)]
    assert left == [4, 4]
    assert await paid(world) == {"plan": 6}


class _Crash(Exception):
    """The process dies here."""


async def test_the_ledger_adds_up_whatever_happens(world: World) -> None:
    """Random purchases, plans, months and runs, some gone on with after a failure, with crashes around every commit."""
    for seed in range(8):
        await _history(world, Random(seed), f"s{seed}")
        await _adds_up(world)
        # No plan becomes smaller while a run is under way here: whoever is analysed is paid for.
        assert "nobody" not in await paid(world)


async def _history(world: World, rng: Random, name: str) -> None:
    for step in range(8):
        await _happens(world, rng, f"{name}-{step}")


async def _happens(world: World, rng: Random, name: str) -> None:
    kind = rng.choice(["plan", "buy", "run", "run", "run", "month"])
    if kind == "plan":
        anchor = datetime(2025, rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), tzinfo=UTC)
        await told(world, plan(rng.choice([0, 1, 3, 10]), rng.choice([None, anchor])))
    elif kind == "buy":
        for _ in range(rng.randint(1, 3)):
            await bought(world, name, rng.randint(1, 5) if rng.random() < 0.2 else 4)
    elif kind == "month":
        world.clock.by += timedelta(days=rng.randint(1, 45))
    else:
        await _run(world, rng)


async def _run(world: World, rng: Random) -> None:
    """A run of some calls, with a crash; now and then its fetch fails half-way, and somebody goes on with it, be it in another month."""
    try:
        run_id = await world.desk.start(ACME, question(max_calls=50), MAYA)
    except QuotaUsedUp:
        return
    limit = (await world.desk.run(ACME, run_id)).call_limit
    if limit is None:
        await world.desk.cancel(ACME, run_id, MAYA)
        return
    calls = rng.randint(1, min(6, limit))
    if rng.random() < 0.4:
        await _fails_half_way(world, rng, run_id, calls)
        return
    await _fetched(world, rng, run_id, [f"call{number}" for number in range(calls)])
    await _crashing(world, rng)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).calls_analysed == calls


async def _fetched(world: World, rng: Random, fetch_id: RunId, names: list[str]) -> None:
    """All calls of a fetch and its end, in any order, some twice."""
    told = [*[await world.fetched(fetch_id, name) for name in [*names, *rng.sample(names, len(names) // 2)]]]
    told.append(world.completed(fetch_id, len(names)))
    rng.shuffle(told)
    await world.deliver(*told)


async def _fails_half_way(world: World, rng: Random, run_id: RunId, calls: int) -> None:
    """The fetch ends with an error after so many calls; the next one lists some of them and others, as many as it was asked for."""
    for number in range(calls):
        await world.deliver(await world.fetched(run_id, f"call{number}"))
    await _crashing(world, rng)
    await world.deliver(world.event(FetchFailed(run_id=str(run_id), reason="away"), str(run_id)))
    world.clock.by += timedelta(days=rng.choice([0, 0, 40]))
    try:
        await world.desk.resume(ACME, run_id, MAYA)
    except QuotaUsedUp:
        return
    run = await world.desk.run(ACME, run_id)
    if run.call_limit is None or run.state is not RunState.RUNNING:
        await world.desk.cancel(ACME, run_id, MAYA)
        return
    first = rng.randint(0, calls)
    await _fetched(
        world, rng, RunId(run.fetch_id), [f"call{first + number}" for number in range(min(8, run.call_limit))]
    )
    await _crashing(world, rng)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert run.state is RunState.COMPLETED
    assert run.calls_analysed <= (run.call_limit or 0)


async def _crashing(world: World, rng: Random) -> None:
    """Work until the third time or so that a call's result is stored, and die there."""
    point = rng.choice(["analysis.call.answered", "analysis.call.before_commit"])
    left = rng.randint(1, 3)

    def trap(reached: str) -> None:
        nonlocal left
        left -= reached == point
        if left == 0 and reached == point:
            raise _Crash

    faultpoints.arm(trap)
    try:
        await world.workers.drain()
    finally:
        faultpoints.arm(None)


async def _adds_up(world: World) -> None:
    calls = await world.rows("SELECT count(*) AS n FROM run_calls WHERE state = 'analysed'")
    units = await world.rows("SELECT paid_by, month_begins_at, count(*) AS n FROM usage GROUP BY 1, 2")
    assert sum(row["n"] for row in units) == calls[0]["n"], "one unit for each analysed call"
    months = await world.rows("SELECT begins_at, by_plan FROM usage_months")
    counted = {row["month_begins_at"]: row["n"] for row in units if row["paid_by"] == "plan"}
    assert {row["begins_at"]: row["by_plan"] for row in months if row["by_plan"]} == counted
    balances = await world.rows("SELECT bought, used FROM addon_balances")
    purchases = await world.rows("SELECT coalesce(sum(calls), 0) AS n FROM addon_purchases")
    of_addons = sum(row["n"] for row in units if row["paid_by"] == "addon")
    assert [(row["bought"], row["used"]) for row in balances] == ([(purchases[0]["n"], of_addons)] if balances else [])
