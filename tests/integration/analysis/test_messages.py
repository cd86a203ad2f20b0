"""Messages may come twice, late, in any order, or make no sense: the rows are the same, or the message is parked."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.domain.request import RunId
from analysis.domain.run import Pause, RunState
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, FetchFailed, FetchPaused, PreviewReady
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.reports.v1.reports_pb2 import RunFailed
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import Event
from core.ids import uuid7
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from messaging import Verdict

GONG = Provider.PROVIDER_GONG


def growth(**changes: object) -> PlanChanged:
    given: dict[str, object] = {
        "plan": "growth",
        "report_window_days": 365,
        "monthly_calls": 1000,
        "concurrent_runs": 4,
        "models": ["openai/small", "openai/large"],
    }
    return PlanChanged(**{**given, **changes})  # type: ignore[arg-type]


async def fetch_of(world: World, run_id: RunId, calls: int) -> list[Event[Message]]:
    fetched = [await world.fetched(run_id, f"c{number}") for number in range(calls)]
    return [*fetched, world.completed(run_id, calls)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_every_order_of_a_fetch_gives_the_same_report(world: World, order: tuple[int, ...]) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    events = await fetch_of(world, run_id, 2)
    for place in order:
        # Each comes twice: as the broker repeats itself, and as a producer does that crashed before it knew it had published.
        await world.deliver(events[place], events[place], replace(events[place], event_id=uuid7()))
        await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_fetched, run.calls_analysed) == (RunState.COMPLETED, 2, 2)
    assert len(await world.rows("SELECT * FROM usage")) == 2


async def test_redelivering_everything_twice_in_random_order_changes_no_row(world: World) -> None:
    """Once with the same event ids, which the inbox knows, and once as new events, as a producer that repeats itself sends them."""
    plan = world.event(growth(), ACME)
    told = world.event(WorkspaceCreated(name="Acme", slug="acme", timezone="Europe/Berlin"), ACME)
    connected = world.event(IntegrationConnected(provider=GONG, credential_version=1), f"{ACME}:gong")
    await world.deliver(plan, topic="plans")
    await world.deliver(told, topic="workspaces")
    await world.deliver(connected, topic="integrations")
    preview_id = str(await world.desk.ask_preview(ACME, question(), MAYA))
    ready = world.event(PreviewReady(preview_id=preview_id, matching_calls=3, total_seconds=60), preview_id)
    run_id = await world.desk.start(ACME, question(), MAYA)
    calls = [ready, *await fetch_of(world, run_id, 3)]
    await world.deliver(*calls)
    await world.work()

    before = await world.everything()
    random = Random(7)
    for _ in range(2):
        for events, topic in (
            (calls, "calls"),
            ([plan], "plans"),
            ([told], "workspaces"),
            ([connected], "integrations"),
        ):
            again = [*events, *(replace(event, event_id=uuid7()) for event in events)]
            random.shuffle(again)
            assert set(await world.deliver(*again, topic=topic)) == {Verdict.ACK}
        await world.work()
    assert await world.everything() == before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([1, 2, 3, 4]))
async def test_the_latest_plan_wins_in_any_order(world: World, order: list[int]) -> None:
    base = uuid7().int % 2**40
    for number in order:
        event = world.event(growth(monthly_calls=number), ACME, sequence=base + number)
        await world.deliver(event, topic="plans")
    assert (await world.desk.situation(ACME)).plan.monthly_calls in range(1, 5)
    latest = world.event(growth(monthly_calls=99), ACME, sequence=2**60)
    await world.deliver(latest, topic="plans")
    stale = world.event(growth(monthly_calls=1), ACME, sequence=2**60 - 1)
    await world.deliver(stale, topic="plans")
    assert (await world.desk.situation(ACME)).plan.monthly_calls == 99
    await world.owner("DELETE FROM plans")


async def test_an_integration_can_be_lost_and_found(world: World) -> None:
    def told(message: Message, sequence: int) -> Event[Message]:
        return world.event(message, f"{ACME}:gong", sequence=sequence)

    await world.deliver(told(IntegrationDisconnected(provider=GONG), 2), topic="integrations")
    await world.deliver(told(IntegrationConnected(provider=GONG), 1), topic="integrations")
    assert (await world.desk.situation(ACME)).gong.state == "disconnected"
    lost = told(IntegrationNeedsReconnect(provider=GONG, reason="Gong no longer accepts the key"), 3)
    await world.deliver(lost, topic="integrations")
    gong = (await world.desk.situation(ACME)).gong
    assert (gong.state, gong.reason) == ("needs_reconnect", "Gong no longer accepts the key")
    await world.deliver(told(IntegrationConnected(provider=GONG), 4), topic="integrations")
    assert (await world.desk.situation(ACME)).gong.connected
    assert not (await world.desk.situation(RIVAL)).gong.connected


async def test_days_begin_in_the_workspaces_timezone(world: World) -> None:
    await world.deliver(world.event(WorkspaceCreated(name="A", timezone="UTC"), ACME), topic="workspaces")
    await world.deliver(world.event(WorkspaceUpdated(name="A", timezone="Asia/Tokyo"), ACME), topic="workspaces")
    assert (await world.desk.situation(ACME)).timezone == "Asia/Tokyo"


async def test_no_match_spends_nothing(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(world.completed(run_id, 0, matching=0))
    run = await world.desk.run(ACME, run_id)
    assert run.state is RunState.NO_MATCH
    assert "no calls match" in run.reason
    assert world.model.asked == []
    assert await world.rows("SELECT * FROM usage") == []


async def test_calls_that_all_had_to_be_left_out_are_named(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(world.completed(run_id, 0, matching=5, calls_private=2, calls_without_transcript=3))
    run = await world.desk.run(ACME, run_id)
    assert run.state is RunState.NO_MATCH
    assert run.reason == "5 calls match, but none can be read (2 private, 3 without a transcript)"


async def test_a_failed_fetch_fails_the_run_with_its_reason(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "c1"))
    failed = FetchFailed(run_id=str(run_id), reason="Gong is not connected: connect it under Integrations")
    await world.deliver(world.event(failed, str(run_id)))
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.reason) == (RunState.FAILED, "Gong is not connected: connect it under Integrations")
    await world.work()
    assert world.model.asked == []
    (told,) = await world.sent_of(RunFailed)
    assert told.aggregate_id == str(run_id)


def paused(world: World, run_id: RunId, until: datetime, reason: str = "Gong asks to wait") -> Event[Message]:
    """ingest says that the run's fetch rests."""
    stamp = Timestamp()
    stamp.FromDatetime(until)
    return world.event(FetchPaused(run_id=str(run_id), resume_at=stamp, reason=reason), str(run_id))


async def test_a_run_says_why_its_fetch_rests_and_until_when(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    at = datetime(2100, 3, 1, 14, 5, tzinfo=UTC)
    late = paused(world, run_id, at - timedelta(hours=3), "an earlier pause")
    await world.deliver(paused(world, run_id, at), late)
    run = await world.desk.run(ACME, run_id)
    assert run.pause(at - timedelta(hours=1)) == Pause("Gong asks to wait", at)
    assert run.pause(at) is None


async def test_a_run_whose_calls_are_all_there_does_not_rest(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    at = datetime(2100, 3, 1, 14, 5, tzinfo=UTC)
    await world.deliver(await world.fetched(run_id, "c1"), world.completed(run_id, 1))
    await world.deliver(paused(world, run_id, at))
    assert (await world.desk.run(ACME, run_id)).pause(at - timedelta(hours=1)) is None


async def test_what_comes_for_a_run_that_has_ended_is_taken_and_forgotten(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    events = await fetch_of(world, run_id, 1)
    await world.desk.cancel(ACME, run_id, MAYA)
    before = await world.everything()
    assert set(await world.deliver(*events)) == {Verdict.ACK}
    assert await world.everything() == before


@pytest.mark.parametrize(
    "which",
    [
        "unknown run",
        "no id",
        "foreign object",
        "foreign run",
        "bad plan",
        "unknown preview",
        "foreign sample",
        "unchecked sample",
    ],
)
async def test_what_makes_no_sense_is_parked_and_changes_nothing(world: World, which: str) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    good = await world.fetched(run_id, "c1")
    payload = good.payload
    assert isinstance(payload, CallFetched)
    unknown = RunId(uuid7())
    topic = "plans" if which == "bad plan" else "calls"
    foreign = CallFetched()
    foreign.CopyFrom(payload)
    foreign.object_name = payload.object_name.replace(ACME, RIVAL)
    preview_id = str(await world.desk.ask_preview(ACME, question(), MAYA))
    bad: dict[str, Event[Message]] = {
        "unknown run": await world.fetched(unknown, "c1"),
        "no id": world.event(FetchCompleted(run_id="nonsense", calls_fetched=1), "nonsense"),
        "foreign object": world.event(foreign, str(run_id)),
        "foreign run": world.event(payload, str(run_id), RIVAL),
        "bad plan": world.event(growth(concurrent_runs=0), ACME),
        "foreign sample": world.event(
            PreviewReady(
                preview_id=preview_id,
                sample_object_name=f"workspaces/{RIVAL}/previews/x.json.gz",
                sample_sha256="0" * 64,
            ),
            preview_id,
        ),
        "unchecked sample": world.event(
            PreviewReady(preview_id=preview_id, sample_object_name=f"workspaces/{ACME}/previews/x.json.gz"), preview_id
        ),
        "unknown preview": world.event(PreviewReady(preview_id=str(uuid7())), "x"),
    }
    before = await world.everything()
    assert await world.deliver(bad[which], topic=topic) == [Verdict.ACK]
    parked = await world.rows("SELECT reason FROM parked")
    assert len(parked) == 1
    assert parked[0]["reason"]
    after = await world.everything()
    assert {**after, "parked": []} == {**before, "parked": []}
