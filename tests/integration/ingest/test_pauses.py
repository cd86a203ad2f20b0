"""A fetch that has to wait: for Gong's limits, or for transcripts that are not ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched, FetchPaused
from callmine.fetches.v1.fetches_pb2 import FetchCancelled, FetchRequested
from core import faultpoints
from ingest.workers import FetchTerms
from integration.ingest.harness import all_time, event_of, new_id
from integration.ingest.test_worker import arm
from integration.ingest.workshop import Killed, Trap, Workshop
from local.sandbox.server import RunningSandbox

NEWEST = {"path": "/v2/calls/transcript"}


@pytest.fixture
async def newest(workshop: Workshop, sandbox: RunningSandbox) -> str:
    """The newest call that may be read, now one that has only just ended."""
    calls = sandbox.sandbox.library.of("harborline")
    return next(call.call_id for call in reversed(calls) if not call.is_private)


async def make_young(workshop: Workshop, call_id: str) -> None:
    """Let the call have ended a minute ago, by the database's clock."""
    await workshop.ingest.sql(
        "UPDATE run_calls SET ended_at = clock_timestamp() - interval '1 min' WHERE call_id = $1", call_id
    )


async def planned(workshop: Workshop) -> None:
    """Let a worker choose the calls and die before it fetches one."""
    faultpoints.arm(Trap("fetch.before_batches"))
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)
    await workshop.skip_waits()


async def paused(workshop: Workshop) -> list[FetchPaused]:
    """What was told of pauses."""
    return [e.payload for e in await workshop.ingest.told(FetchPaused) if isinstance(e.payload, FetchPaused)]


async def test_a_long_wait_is_told_once_with_its_end(workshop: Workshop, sandbox: RunningSandbox) -> None:
    run = await workshop.start()
    arm(sandbox, status=429, retry_after=7_200, count=1)
    worker = workshop.worker()
    assert await worker.work_once()
    assert not await worker.work_once()
    [told] = await paused(workshop)
    assert told.reason == "Gong asks to wait"
    [row] = await workshop.ingest.sql("SELECT next_attempt_at, sequence FROM jobs")
    assert told.resume_at.ToDatetime(UTC) == row["next_attempt_at"]
    await workshop.finish()
    assert await workshop.announced(run) == [
        (1, "FetchPaused"),
        *[(number, name) for number, name in await workshop.announced(run) if 1 < number < 6],
        (6, "FetchCompleted"),
    ]


async def test_a_short_wait_is_not_worth_telling(workshop: Workshop, sandbox: RunningSandbox) -> None:
    await workshop.start()
    arm(sandbox, status=429, retry_after=30, count=1)
    await workshop.finish()
    assert await paused(workshop) == []


async def test_all_jobs_of_a_workspace_hold_back_and_nothing_more_is_sent(
    workshop: Workshop, sandbox: RunningSandbox
) -> None:
    workshop.per_second = 1_000.0
    for _ in range(2):
        await workshop.start()
    arm(sandbox, status=429, retry_after=7_200)
    assert await workshop.worker().work_once()
    assert await workshop.worker().work_once()
    assert [one["struck"] for one in sandbox.sandbox.switchboard.report()] == [1]
    waits = await workshop.ingest.sql(
        "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS wait FROM jobs"
    )
    assert [7_000 < row["wait"] <= 7_200 for row in waits] == [True, True]


async def test_a_run_that_may_not_wait_so_long_stops_in_words(workshop: Workshop, sandbox: RunningSandbox) -> None:
    run = new_id()
    asked = FetchRequested(run_id=str(run), filter=all_time(), longest_wait_seconds=1_800)
    await workshop.ingest.hear(event_of(asked, str(run)))
    await workshop.grant(run)
    arm(sandbox, status=429, retry_after=7_200, count=1)
    await workshop.finish()
    assert await workshop.failure(run) == (
        "Gong asks to wait for 2 hours, longer than this run may wait (30 minutes). Start again later, or let the run wait."
    )
    assert await paused(workshop) == []


async def test_a_run_that_may_wait_so_long_waits(workshop: Workshop, sandbox: RunningSandbox) -> None:
    run = new_id()
    asked = FetchRequested(run_id=str(run), filter=all_time(), longest_wait_seconds=7_200)
    await workshop.ingest.hear(event_of(asked, str(run)))
    await workshop.grant(run)
    arm(sandbox, status=429, retry_after=7_200, count=1)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


async def test_a_transcript_that_is_not_ready_is_asked_for_later_and_holds_nothing_up(
    workshop: Workshop, sandbox: RunningSandbox, newest: str
) -> None:
    run = await workshop.start()
    await planned(workshop)
    await make_young(workshop, newest)
    arm(sandbox, **NEWEST, contains=newest, withhold=newest, count=1)
    assert await workshop.worker().work_once()
    assert len(await workshop.ingest.told(CallFetched)) == 3
    [told] = await paused(workshop)
    assert told.reason == "Gong is still writing one transcript; asking again is put off"
    wait = told.resume_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(seconds=0) < wait <= timedelta(seconds=121)
    await _let_time_pass(workshop)
    await workshop.finish()
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_without_transcript) == (4, 0)


async def test_a_transcript_that_never_comes_is_reported_missing(
    workshop: Workshop, sandbox: RunningSandbox, newest: str
) -> None:
    workshop.terms = FetchTerms(batch_calls=2, transcript_waits=(120.0, 300.0))
    run = await workshop.start()
    await planned(workshop)
    await make_young(workshop, newest)
    arm(sandbox, **NEWEST, contains=newest, withhold=newest)
    waits = []
    for _ in range(2):
        assert await workshop.worker().work_once()
        [row] = await workshop.ingest.sql(
            "SELECT extract(epoch FROM not_before - clock_timestamp())::float8 AS wait, metadata FROM run_calls "
            "WHERE state = 'chosen'"
        )
        waits.append(round(row["wait"], -2))
        assert row["metadata"] is not None
        await _let_time_pass(workshop)
    assert waits == [100, 300]
    await workshop.finish()
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_without_transcript) == (3, 1)
    assert [one["struck"] for one in sandbox.sandbox.switchboard.report()] == [3]


async def test_an_old_call_without_a_transcript_is_not_waited_for(
    workshop: Workshop, sandbox: RunningSandbox, newest: str
) -> None:
    run = await workshop.start()
    await planned(workshop)
    await workshop.ingest.sql("UPDATE run_calls SET ended_at = clock_timestamp() - interval '25 h'")
    arm(sandbox, **NEWEST, contains=newest, withhold=newest)
    assert await workshop.worker().work_once()
    assert (await workshop.completed(run)).calls_without_transcript == 1


async def test_a_restart_asks_for_no_metadata_again(workshop: Workshop, sandbox: RunningSandbox) -> None:
    run = await workshop.start()
    await planned(workshop)
    arm(sandbox, path="/v2/calls/extensive", status=500)
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


async def test_metadata_from_long_ago_is_asked_for_again_and_a_call_made_private_is_left_out(
    workshop: Workshop, sandbox: RunningSandbox, newest: str
) -> None:
    run = await workshop.start()
    await planned(workshop)
    await workshop.ingest.sql("UPDATE jobs SET planned_at = clock_timestamp() - interval '2 h'")
    arm(sandbox, path="/v2/calls/extensive", contains=newest, withhold=newest, count=1)
    await workshop.finish()
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_without_transcript) == (3, 1)
    assert [one["struck"] for one in sandbox.sandbox.switchboard.report()] == [1]


async def test_metadata_is_kept_no_longer_than_it_is_needed(workshop: Workshop) -> None:
    async def kept() -> list[int]:
        rows = await workshop.ingest.sql("SELECT metadata IS NOT NULL AS kept FROM run_calls ORDER BY run_id, position")
        return [row["kept"] for row in rows]

    done = await workshop.start()
    await workshop.finish()
    assert (await workshop.completed(done)).calls_fetched == 4
    assert not any(await kept())
    for ends in ("cancelled", "failed"):
        run = await workshop.start()
        await planned(workshop)
        assert sum(await kept()) == 4
        if ends == "cancelled":
            await workshop.ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))
        else:
            await workshop.ingest.sql("UPDATE jobs SET grant_expires_at = grant_expires_at + interval '1 s'")
            await workshop.finish()
            assert await workshop.failure(run)
        assert not any(await kept())


async def _let_time_pass(workshop: Workshop) -> None:
    """Let the deferred transcripts be due."""
    await workshop.ingest.sql("UPDATE run_calls SET not_before = clock_timestamp() WHERE not_before IS NOT NULL")
    await workshop.skip_waits()
