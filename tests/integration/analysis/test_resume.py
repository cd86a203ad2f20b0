"""A failed run is gone on with from the calls that are done."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from google.protobuf.message import Message

from analysis.domain.plan import QuotaUsedUp, RunTooLarge
from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.models.port import AccountRefused, Prompt
from callmine.calls.v1.calls_pb2 import FetchFailed
from callmine.fetches.v1.fetches_pb2 import FetchCancelled, FetchRequested
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.reports.v1.reports_pb2 import CallAnalysed, ReportCompleted, RunFailed
from contracts import Event
from core.errors import Conflict, NotFound
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, honest, question


def refusing_after(calls: int) -> object:
    """A model whose account is refused once it has answered so many questions."""
    left = calls

    def script(prompt: Prompt) -> str:
        nonlocal left
        if left == 0:
            raise AccountRefused("OpenAI refuses our account: its quota is used up")
        left -= 1
        return honest(prompt)

    return script


async def failed(world: World, calls: int, done: int) -> RunId:
    """A run whose calls are all fetched, and whose account was refused after some."""
    run_id = await world.desk.start(ACME, question(), MAYA)
    world.model.script = refusing_after(done)  # type: ignore[assignment]
    for number in range(done):
        await world.deliver(await world.fetched(run_id, f"c{number}"))
    await world.work()
    await world.deliver(*[await world.fetched(run_id, f"c{number}") for number in range(done, calls)])
    await world.deliver(world.completed(run_id, calls))
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    world.model.script = honest
    world.model.asked.clear()
    return run_id


async def counted(world: World) -> dict[str, int]:
    names = ("usage", "analyses", "reports")
    return {name: (await world.rows(f"SELECT count(*) AS n FROM {name}"))[0]["n"] for name in names}


def told(events: Sequence[Event[Message]]) -> list[str]:
    return [type(event.payload).__name__ for event in events]


async def test_it_goes_on_from_the_calls_that_are_done(world: World) -> None:
    run_id = await failed(world, calls=5, done=2)
    await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_failed, run.reason) == (RunState.COMPLETED, 5, 0, "")
    assert len([prompt for prompt in world.model.asked if prompt.task == "analyse-call"]) == 3
    assert await counted(world) == {"usage": 5, "analyses": 5, "reports": 1}
    events = await world.sent()
    assert told(events)[-1] == "ReportCompleted"
    assert len(await world.sent_of(CallAnalysed)) == 5
    # Its calls are all here: they are not asked for again.
    assert len(await world.sent_of(FetchRequested)) == len(await world.sent_of(RunFailed)) == 1
    sequences = [event.sequence for event in events if event.aggregate_id == str(run_id)]
    assert sequences == sorted(set(sequences))


async def test_resuming_twice_is_resuming_once(world: World) -> None:
    run_id = await failed(world, calls=3, done=1)
    for _ in range(3):
        await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    assert await counted(world) == {"usage": 3, "analyses": 3, "reports": 1}
    with pytest.raises(Conflict, match="only a run that has failed"):
        await world.desk.resume(ACME, run_id, MAYA)


async def test_it_can_fail_again_and_be_resumed_again(world: World) -> None:
    run_id = await failed(world, calls=4, done=1)
    world.model.script = refusing_after(1)  # type: ignore[assignment]
    await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    world.model.script = honest
    await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.COMPLETED
    assert await counted(world) == {"usage": 4, "analyses": 4, "reports": 1}


async def test_calls_that_had_failed_are_tried_once_more(world: World) -> None:
    world.model.script = lambda _: "no JSON"
    run_id = await world.finished_run(calls=2)
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    world.model.script = honest
    await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_failed) == (RunState.COMPLETED, 2, 0)


async def test_a_fetch_that_had_failed_is_asked_for_again(world: World) -> None:
    """Two calls were here, one analysed, when Gong could not be asked any more; now there are three, the analysed one among them."""
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "c0"))
    await world.work()
    await world.deliver(await world.fetched(run_id, "c1"))
    gone = FetchFailed(run_id=str(run_id), reason="Gong asks to wait longer than the run may")
    await world.deliver(world.event(gone, str(run_id)))
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    world.model.asked.clear()

    await world.desk.resume(ACME, run_id, MAYA)
    first, again = [event.payload for event in await world.sent_of(FetchRequested)]
    assert isinstance(first, FetchRequested)
    assert isinstance(again, FetchRequested)
    assert (first.run_id, again.max_calls) == (str(run_id), first.max_calls)
    assert again.run_id != first.run_id
    fetch_id = RunId(UUID(again.run_id))
    # What the first fetch says now counts no more.
    await world.deliver(await world.fetched(run_id, "late"), world.completed(run_id, 9))
    assert (await world.desk.run(ACME, run_id)).calls_expected is None
    await world.deliver(world.completed(fetch_id, 3))
    for call_id in ("c0", "c1", "c2", "c0"):
        await world.deliver(await world.fetched(fetch_id, call_id))
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_expected, run.calls_fetched) == (RunState.COMPLETED, 3, 3, 3)
    assert len([prompt for prompt in world.model.asked if prompt.task == "analyse-call"]) == 2
    assert await counted(world) == {"usage": 3, "analyses": 3, "reports": 1}


@pytest.mark.parametrize("last", ["completed", "c0"])
async def test_calls_that_are_gone_from_the_second_fetch_stay_analysed(world: World, last: str) -> None:
    """Whatever comes last: the end of the fetch, or a call that was analysed before."""
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "c0"), await world.fetched(run_id, "gone"))
    await world.work()
    await world.deliver(world.event(FetchFailed(run_id=str(run_id), reason="away"), str(run_id)))
    await world.desk.resume(ACME, run_id, MAYA)
    fetch_id = RunId((await world.desk.run(ACME, run_id)).fetch_id)
    ends = [world.completed(fetch_id, 1), await world.fetched(fetch_id, "c0")]
    for event in ends if last == "c0" else reversed(ends):
        await world.deliver(event)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_expected) == (RunState.COMPLETED, 2, 2)
    assert len(await world.sent_of(ReportCompleted)) == 1


async def test_cancelling_a_resumed_fetch_tells_ingest_which(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(world.event(FetchFailed(run_id=str(run_id), reason="away"), str(run_id)))
    await world.desk.resume(ACME, run_id, MAYA)
    fetch_id = (await world.desk.run(ACME, run_id)).fetch_id
    await world.desk.cancel(ACME, run_id, MAYA)
    cancelled = [e.payload.run_id for e in await world.sent_of(FetchCancelled)]  # type: ignore[attr-defined]
    assert cancelled[-1] == str(fetch_id) != str(run_id)


async def plan(world: World, calls: int) -> None:
    message = PlanChanged(
        plan="starter", report_window_days=90, monthly_calls=calls, concurrent_runs=1, models=["openai/small"]
    )
    await world.deliver(world.event(message, ACME), topic="plans")


async def test_it_stays_within_the_quota(world: World) -> None:
    await plan(world, 50)
    run_id = await failed(world, calls=5, done=2)
    await plan(world, 2)
    with pytest.raises(QuotaUsedUp):
        await world.desk.resume(ACME, run_id, MAYA)
    await plan(world, 4)
    with pytest.raises(RunTooLarge, match="may use 3 analysed calls, and 2 are left"):
        await world.desk.resume(ACME, run_id, MAYA)
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    await plan(world, 5)
    await world.desk.resume(ACME, run_id, MAYA)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.COMPLETED
    assert await counted(world) == {"usage": 5, "analyses": 5, "reports": 1}


async def fetch_failed(world: World, run_id: RunId) -> None:
    """The present fetch of a run comes to nothing."""
    fetch_id = (await world.desk.run(ACME, run_id)).fetch_id
    await world.deliver(world.event(FetchFailed(run_id=str(fetch_id), reason="away"), str(run_id)))


async def paid(world: World) -> dict[str, int]:
    rows = await world.rows("SELECT paid_by, count(*) AS calls FROM usage GROUP BY 1")
    return {row["paid_by"]: row["calls"] for row in rows}


@pytest.mark.parametrize("end_comes", ["first", "last"])
async def test_a_second_fetch_of_other_calls_stays_within_the_quota(world: World, end_comes: str) -> None:
    """Two of five calls are used when the fetch fails; the second one may bring five, and has five others."""
    await plan(world, 5)
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(await world.fetched(run_id, "c0"), await world.fetched(run_id, "c1"))
    await world.work()
    await fetch_failed(world, run_id)
    world.model.asked.clear()
    await world.desk.resume(ACME, run_id, MAYA)
    run = await world.desk.run(ACME, run_id)
    assert run.call_limit == 5
    fetch_id = RunId(run.fetch_id)
    calls = [await world.fetched(fetch_id, f"other{number}") for number in range(5)]
    end = world.completed(fetch_id, 5)
    # Announced again, those that are left out change nothing.
    for event in [end, *calls, *calls] if end_comes == "first" else [*calls, *calls, end]:
        await world.deliver(event)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_expected, run.calls_fetched) == (RunState.COMPLETED, 5, 5, 5)
    assert len([prompt for prompt in world.model.asked if prompt.task == "analyse-call"]) == 3
    assert await paid(world) == {"plan": 5}
    assert len(await world.sent_of(ReportCompleted)) == 1


async def test_calls_of_an_earlier_fetch_are_not_queued_again(world: World) -> None:
    """Three were announced, and the second fetch has one of them; when that fails too, nobody goes on with the other two."""
    run_id = await world.desk.start(ACME, question(), MAYA)
    world.model.script = refusing_after(0)  # type: ignore[assignment]
    await world.deliver(*[await world.fetched(run_id, f"c{number}") for number in range(3)])
    await world.work()
    await world.desk.resume(ACME, run_id, MAYA)
    fetch_id = RunId((await world.desk.run(ACME, run_id)).fetch_id)
    await world.deliver(await world.fetched(fetch_id, "c1"), world.completed(fetch_id, 1))
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.FAILED
    world.model.script = honest
    await world.desk.resume(ACME, run_id, MAYA)
    # Once, for a result that the tables refuse would be tried without end.
    await world.workers.drain()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_expected) == (RunState.COMPLETED, 1, 1)
    assert await counted(world) == {"usage": 1, "analyses": 1, "reports": 1}


async def test_a_run_takes_no_more_calls_than_it_was_given(world: World) -> None:
    await plan(world, 2)
    run_id = await world.finished_run(calls=4)
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_expected) == (RunState.COMPLETED, 2, 2)
    assert await paid(world) == {"plan": 2}


async def test_it_waits_for_its_turn(world: World) -> None:
    run_id = await failed(world, calls=3, done=1)
    other = await world.desk.start(ACME, question(), MAYA)
    await world.desk.resume(ACME, run_id, MAYA)
    assert (await world.desk.run(ACME, run_id)).state is RunState.QUEUED
    await world.work()
    assert world.model.asked == []
    await world.desk.cancel(ACME, other, MAYA)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.COMPLETED


async def test_only_failed_runs_of_ones_own_workspace(world: World) -> None:
    run_id = await failed(world, calls=2, done=1)
    with pytest.raises(NotFound):
        await world.desk.resume(RIVAL, run_id, MAYA)
    other = await world.desk.start(ACME, question(), MAYA)
    await world.desk.cancel(ACME, other, MAYA)
    with pytest.raises(Conflict):
        await world.desk.resume(ACME, other, MAYA)


async def test_the_page_and_the_api(world: World) -> None:
    run_id = await failed(world, calls=3, done=1)
    async with browser(site(world), ACME) as maya:
        page = (await maya.get(f"/runs/{run_id}")).text
        assert "goes on from 1 call" in page
        assert f'action="/runs/{run_id}/resume"' in page
        await plan(world, 1)
        refused = await maya.post(f"/runs/{run_id}/resume")
        assert refused.status_code == 402
        assert "are used this month" in refused.text
        await plan(world, 50)
        assert (await maya.post(f"/runs/{run_id}/resume")).status_code == 303
        assert f'action="/runs/{run_id}/resume"' not in (await maya.get(f"/runs/{run_id}")).text
    async with program(site(world), ACME) as client:
        answer = await client.post(f"/api/v1/runs/{run_id}/resume")
        assert (answer.status_code, answer.json()["state"], answer.json()["resumable"]) == (200, "running", False)
        await world.work()
        assert (await client.post(f"/api/v1/runs/{run_id}/resume")).status_code == 409
