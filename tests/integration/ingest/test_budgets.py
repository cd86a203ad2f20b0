"""The request budget that all processes of a workspace share, on a real database, against the sandbox's own bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from core.clock import SystemClock
from core.ids import WorkspaceId
from database import Database, Queries
from egress import TooManyRequests
from ingest.budget import SharedBudget
from ingest.gong.limits import gong_limits
from ingest.hubspot.limits import hubspot_limits
from ingest.store import budgets
from ingest.store.budgets import Terms
from integration.ingest.harness import HARBOR, QUILL, Ingest
from local.sandbox.clock import SystemClock as SandboxClock
from local.sandbox.gong.limits import RequestAllowance
from testkit.clock import SimulatedClock
from testkit.postgres import NewDatabase, settings_of

# Thirty times as fast as Gong, so that a test of many requests takes a few seconds; half a second's worth is kept back for stalls.
FAST = Terms(per_second=90.0, burst=45.0, per_day=10_000)


@pytest.fixture
async def processes(new_database: NewDatabase) -> AsyncIterator[list[Database]]:
    """Four processes' pools on one database."""
    dsns = await new_database("ingest")
    opened = [
        await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
        for _ in range(4)
    ]
    yield opened
    for database in opened:
        await database.close()


async def test_several_processes_together_stay_within_gongs_bucket(processes: list[Database]) -> None:
    allowance = RequestAllowance(FAST.per_second, FAST.per_day, SandboxClock())
    refused: list[int] = []

    async def ask(database: Database, count: int) -> None:
        budget = SharedBudget(database, HARBOR, "gong", FAST, 10.0, SystemClock())
        for _ in range(count):
            await budget.turn()
            wait = allowance.take()
            if wait is not None:
                refused.append(wait)

    async with asyncio.TaskGroup() as group:
        for database in processes:
            for _ in range(3):
                group.create_task(ask(database, 25))
    assert refused == []


class _Ledger:
    """What GCRA should grant, computed in plain numbers."""

    def __init__(self, terms: Terms) -> None:
        self.terms, self.at = terms, 0.0

    def places(self, count: int) -> Iterator[float]:
        interval = 1 / self.terms.per_second
        for _ in range(count):
            place = max(0.0, self.at - (self.terms.burst - 1) * interval)
            self.at = max(self.at, place) + interval
            yield place


@pytest.mark.parametrize("terms", [Terms(3.0, 3.0, 10_000), Terms(3.0, 2.7, 10_000), Terms(2.0, 1.0, 10_000)])
async def test_places_are_those_of_the_token_bucket(ingest: Ingest, terms: Terms) -> None:
    async def spent() -> float:
        [row] = await ingest.sql("SELECT extract(epoch FROM spent_until)::float8 AS spent FROM provider_budgets")
        return float(row["spent"])

    async def reserve(count: int) -> list[float]:
        async with ingest.db.workspace(HARBOR) as tx:
            return [await budgets.reserve(tx, "gong", terms, 60.0) for _ in range(count)]

    waits = await reserve(1)
    first = await spent()
    waits += await reserve(29)
    # Each wait counts from its own reservation, a little after the first.
    assert all(wait <= place + 0.001 for wait, place in zip(waits, _Ledger(terms).places(30), strict=True))
    assert await spent() - first == pytest.approx(29 / terms.per_second, abs=0.001), "no place is given twice or wasted"
    assert [row["day_requests"] for row in await ingest.sql("SELECT day_requests FROM provider_budgets")] == [30]


async def test_what_lies_too_far_ahead_is_not_reserved(ingest: Ingest) -> None:
    terms = Terms(1.0, 1.0, 10_000)
    async with ingest.db.workspace(HARBOR) as tx:
        waits = [await budgets.reserve(tx, "gong", terms, 2.5) for _ in range(6)]
    assert [round(wait) for wait in waits] == [0, 1, 2, 3, 3, 3]


async def test_a_429_holds_all_processes_back_and_one_workspace_only(processes: list[Database]) -> None:
    one, two, other = processes[:3]
    limits = [gong_limits(database, SimulatedClock(), 3.0) for database in (one, two, other)]
    await limits[0].of(HARBOR).turn()
    await limits[0].of(HARBOR).hold_back(7_200.0)
    with pytest.raises(TooManyRequests) as asked:
        await limits[1].of(HARBOR).turn()
    assert asked.value.retry_after is not None
    assert 7_100 < asked.value.retry_after <= 7_200
    await limits[2].of(QUILL).turn()


async def test_a_shorter_wish_does_not_end_a_longer_one(ingest: Ingest) -> None:
    budget = gong_limits(ingest.db, SimulatedClock(), 3.0).of(HARBOR)
    await budget.turn()
    await budget.hold_back(7_200.0)
    await budget.hold_back(1.0)
    with pytest.raises(TooManyRequests):
        await budget.turn()


async def test_the_days_allowance_is_kept_and_comes_back(ingest: Ingest) -> None:
    terms = Terms(1_000.0, 1_000.0, 3)

    async def reserve() -> float:
        async with ingest.db.workspace(HARBOR) as tx:
            return await budgets.reserve(tx, "gong", terms, 10.0)

    assert max([await reserve() for _ in range(3)]) < 1
    assert 86_000 < await reserve() <= 86_400
    await ingest.sql("UPDATE provider_budgets SET day_began = day_began - interval '24 hours'")
    assert max([await reserve() for _ in range(3)]) < 1
    assert await reserve() > 86_000


async def test_it_can_be_lifted(ingest: Ingest) -> None:
    budget = gong_limits(ingest.db, SimulatedClock(), 0.0).of(WorkspaceId("org_lifted01"))
    for _ in range(50):
        await budget.turn()
    assert await ingest.sql("SELECT 1 FROM provider_budgets") == []


async def test_each_provider_has_a_budget_of_its_own(ingest: Ingest) -> None:
    gong, hubspot = (
        gong_limits(ingest.db, SimulatedClock()).of(HARBOR),
        hubspot_limits(ingest.db, SimulatedClock()).of(HARBOR),
    )
    await gong.turn()
    await hubspot.turn()
    await hubspot.hold_back(7_200.0)
    await gong.turn()
    with pytest.raises(TooManyRequests, match="hubspot"):
        await hubspot.turn()
    assert len(await ingest.sql("SELECT 1 FROM provider_budgets")) == 2
