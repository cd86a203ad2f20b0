"""The workers: bad answers, absent providers, crashes and late comers. A call is analysed once or named as failed, never lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.models.port import AccountRefused, BadAnswer, Prompt
from analysis.store.calls import CallClaim, claim_calls, renew_call
from analysis.workers.pool import PoolSettings, WorkPool
from callmine.fetches.v1.fetches_pb2 import FetchCancelled
from callmine.reports.v1.reports_pb2 import CallAnalysed, CallOutcome, ReportCompleted, RunCancelled, RunFailed
from core import faultpoints
from core.clock import SystemClock
from core.errors import Transient
from core.ids import uuid7
from integration.analysis.world import ACME, MAYA, RIVAL, World, call_answer, call_document, honest, question


class Crash(BaseException):
    """What kill -9 is to a process."""


async def run_with(world: World, calls: int) -> RunId:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(*[await world.fetched(run_id, f"c{n}") for n in range(calls)], world.completed(run_id, calls))
    return run_id


def only_for(call: str, misbehave: Callable[[Prompt], str]) -> Callable[[Prompt], str]:
    """Honest but for one call."""

    def script(prompt: Prompt) -> str:
        if prompt.task == "analyse-call" and json.loads(prompt.document)["call"]["title"] == f"Call {call}":
            return misbehave(prompt)
        return honest(prompt)

    return script


def raising(error: Exception) -> Callable[[Prompt], str]:
    def script(_: Prompt) -> str:
        raise error

    return script


@pytest.mark.parametrize(
    ("misbehave", "reason"),
    [
        (lambda _: "I think the answer is yes.", "the model's answer was not JSON"),
        (lambda _: '{"verdict": "yes"}', "the model's answer did not have the agreed shape"),
        (lambda _: '{"verdict":"perhaps","summary":"","findings":[]}', "did not have the agreed shape"),
        (raising(BadAnswer("the model refused to answer")), "the model refused to answer"),
        (raising(BadAnswer("the model's answer was cut short")), "the model's answer was cut short"),
    ],
)
async def test_a_bad_answer_is_asked_for_again_then_the_call_is_named_as_failed(
    world: World, misbehave: Callable[[Prompt], str], reason: str
) -> None:
    world.model.script = only_for("c1", misbehave)
    run_id = await run_with(world, 2)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_failed) == (RunState.COMPLETED, 1, 1)
    assert len([p for p in world.model.asked if p.task == "analyse-call"]) == 1 + 3
    assert run.report_id is not None
    failed = (await world.report(ACME, run.report_id))["failed_calls"]
    assert isinstance(failed, list)
    assert failed[0]["title"] == "Call c1"
    assert reason in failed[0]["reason"]
    assert [row["call_id"] for row in await world.rows("SELECT call_id FROM usage")] == ["c0"]
    outcomes = {
        e.payload.call_id: e.payload.outcome
        for e in await world.sent_of(CallAnalysed)
        if isinstance(e.payload, CallAnalysed)
    }
    assert outcomes == {"c0": CallOutcome.CALL_OUTCOME_ANALYSED, "c1": CallOutcome.CALL_OUTCOME_FAILED}


async def test_an_answer_that_is_good_the_third_time_counts(world: World) -> None:
    bad = iter(["not json", "{}"])
    world.model.script = only_for("c0", lambda prompt: next(bad, None) or honest(prompt))
    run_id = await run_with(world, 1)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_failed) == (RunState.COMPLETED, 1, 0)


async def test_a_transcript_too_long_for_the_model_is_not_asked_again(world: World) -> None:
    world.model.script = only_for(
        "c1", raising(BadAnswer("the transcript is longer than the model can read", hopeless=True))
    )
    await run_with(world, 2)
    await world.work()
    assert len([p for p in world.model.asked if p.task == "analyse-call"]) == 2


async def test_a_busy_provider_is_waited_for_and_costs_no_attempt(world: World) -> None:
    busy = iter([Transient("busy", retry_after=20)] * 5)

    def script(prompt: Prompt) -> str:
        error = next(busy, None)
        if error is not None:
            raise error
        return honest(prompt)

    world.model.script = script
    run_id = await run_with(world, 1)
    await world.workers.drain()
    waiting = await world.rows("SELECT extract(epoch FROM lease_until - now())::float AS seconds, state FROM run_calls")
    assert waiting[0]["state"] == "pending"
    assert 15 < waiting[0]["seconds"] <= 20
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.COMPLETED


async def test_a_refused_account_fails_the_run_in_plain_words(world: World) -> None:
    world.model.script = raising(AccountRefused("OpenAI refuses our account: its quota is used up"))
    run_id = await run_with(world, 3)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.reason) == (RunState.FAILED, "OpenAI refuses our account: its quota is used up")
    states = {row["state"] for row in await world.rows("SELECT state FROM run_calls")}
    assert states == {"skipped"}
    assert len(await world.sent_of(RunFailed)) == 1
    assert await world.rows("SELECT * FROM usage") == []


async def test_a_run_without_a_single_result_fails(world: World) -> None:
    world.model.script = raising(BadAnswer("the model refused to answer"))
    run_id = await run_with(world, 2)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert run.state is RunState.FAILED
    assert run.reason == "none of the 2 calls could be analysed: the model refused to answer"


@pytest.mark.parametrize("damage", ["gone", "altered", "other call", "no sentences", "not json", "wrong version"])
async def test_a_damaged_object_fails_its_call_only(world: World, damage: str) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    documents = {
        "other call": call_document("another"),
        "no sentences": call_document("c1") | {"sentences": []},
        "not json": None,
        "wrong version": call_document("c1") | {"version": 9},
    }
    announced = await world.fetched(run_id, "c1", document=documents.get(damage))
    name = next(iter(world.objects.content))
    if damage == "gone":
        del world.objects.content[name]
    if damage in {"altered", "not json"}:
        world.objects.content[name] += b" and more"
    await world.deliver(announced, await world.fetched(run_id, "c2"), world.completed(run_id, 2))
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed, run.calls_failed) == (RunState.COMPLETED, 1, 1)
    assert len([p for p in world.model.asked if p.task == "analyse-call"]) == 1


async def test_invented_quotes_are_dropped_and_counted(world: World) -> None:
    invented = [
        ("s2", "Honestly, the price is higher than we planned for."),
        ("s2", "Honestly, the price is far higher than we planned for."),
        ("s99", "We would need finance to agree."),
        ("s3", "We would need finance to agree."),
        ("s1", "Thanks for making the time today. Honestly, the price"),
    ]
    world.model.script = lambda p: honest(p) if p.task == "synthesise" else call_answer(invented)
    run_id = await run_with(world, 1)
    await world.work()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    assert report_id is not None
    numbers = (await world.report(ACME, report_id))["numbers"]
    assert isinstance(numbers, dict)
    assert (numbers["quotes"], numbers["quotes_dropped"]) == (2, 3)
    stored = await world.rows("SELECT sentence_id, speaker, start_ms FROM quotes ORDER BY ordinal")
    assert [tuple(row) for row in stored] == [("s2", "Tomás Ferreira", 4000), ("s3", "Tomás Ferreira", 10000)]


@pytest.mark.parametrize(
    ("point", "before"),
    [
        ("analysis.call.claiming", 0),
        ("analysis.call.claimed", 2),
        ("analysis.call.begun", 2),
        ("analysis.call.loaded", 2),
        ("analysis.call.asking", 2),
        ("analysis.call.answered", 2),
        ("analysis.call.finished", 0),
        ("analysis.call.metered", 0),
        ("analysis.call.before_commit", 0),
        ("analysis.call.stored", 2),
    ],
)
async def test_after_a_crash_only_the_calls_in_flight_are_done_again(world: World, point: str, before: int) -> None:
    run_id = await run_with(world, 6)
    seen = 0

    def trap(reached: str) -> None:
        nonlocal seen
        seen += reached == point
        if reached == point and seen > before:
            raise Crash

    faultpoints.arm(trap)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - the crash comes out inside groups of the tasks it went through
        await world.workers.drain()
    faultpoints.arm(None)
    done = len(await world.rows("SELECT * FROM usage"))
    asked = len(world.model.asked)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed) == (RunState.COMPLETED, 6)
    assert len(await world.rows("SELECT * FROM usage")) == 6
    again = [p for p in world.model.asked[asked:] if p.task == "analyse-call"]
    assert len(again) == 6 - done


@pytest.mark.parametrize(
    "point", ["analysis.synthesis.claimed", "analysis.synthesis.answered", "analysis.synthesis.before_commit"]
)
async def test_a_crash_while_the_summary_is_written_gives_one_report(world: World, point: str) -> None:
    run_id = await run_with(world, 2)
    await crash_once(world, point)
    await world.work()
    assert (await world.desk.run(ACME, run_id)).state is RunState.COMPLETED
    assert len(await world.rows("SELECT * FROM reports")) == 1
    assert len(await world.sent_of(ReportCompleted)) == 1


async def crash_once(world: World, point: str) -> None:
    def trap(reached: str) -> None:
        if reached == point:
            raise Crash

    faultpoints.arm(trap)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - the crash comes out inside groups of the tasks it went through
        await world.workers.drain()
    faultpoints.arm(None)


async def test_who_comes_late_with_an_old_fence_changes_nothing(world: World) -> None:
    """A worker is held up by its model for longer than its lease; another one takes over and finishes first."""
    run_id = await run_with(world, 1)
    late = call_answer([("s3", "We would need finance to agree.")], theme="Too late")

    async def overtaking() -> None:
        await world.work()
        world.model.script = lambda _: late

    world.model.meanwhile = overtaking
    await world.workers.drain()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.calls_analysed) == (RunState.COMPLETED, 1)
    assert [row["theme"] for row in await world.rows("SELECT theme FROM findings")] == ["Price too high"]
    assert len(await world.rows("SELECT * FROM usage")) == 1
    assert len(await world.sent_of(CallAnalysed)) == 1


async def test_who_was_overtaken_may_not_finish_either(world: World) -> None:
    """The lease ran out and another worker has the claim, though no result yet: only that worker's result counts."""
    run_id = await run_with(world, 1)

    async def overtaking() -> None:
        await world.expire_leases()
        async with world.db.sweep() as tx:
            assert len((await claim_calls(tx, 1, 30))[0]) == 1

    world.model.meanwhile = overtaking
    await world.workers.drain()
    assert await world.rows("SELECT * FROM analyses") == []
    assert [row["state"] for row in await world.rows("SELECT state FROM run_calls")] == ["analysing"]
    await world.work()
    assert (await world.desk.run(ACME, run_id)).calls_analysed == 1
    assert len(await world.sent_of(CallAnalysed)) == 1


async def test_cancelling_while_the_model_thinks_discards_its_answer(world: World) -> None:
    run_id = await run_with(world, 1)

    async def cancelling() -> None:
        await world.desk.cancel(ACME, run_id, MAYA)

    world.model.meanwhile = cancelling
    await world.workers.drain()
    assert (await world.desk.run(ACME, run_id)).state is RunState.CANCELLED
    assert await world.rows("SELECT * FROM usage") == []
    assert await world.rows("SELECT * FROM analyses") == []
    assert len(await world.sent_of(RunCancelled)) == 1


async def test_cancelling_before_the_fetch_has_ended_tells_ingest(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.desk.cancel(ACME, run_id, MAYA)
    assert len(await world.sent_of(FetchCancelled)) == 1


@pytest.mark.parametrize(
    "misbehave",
    [
        lambda _: "nonsense",
        lambda _: json.dumps({"headline": "Big news", "summary": [{"sentence": "Unfounded.", "finding_ids": ["f77"]}]}),
        raising(AccountRefused("no account")),
        raising(Transient("away")),
    ],
)
async def test_without_a_usable_summary_the_report_states_the_counts(
    world: World, misbehave: Callable[[Prompt], str]
) -> None:
    world.model.script = lambda prompt: misbehave(prompt) if prompt.task == "synthesise" else honest(prompt)
    run_id = await run_with(world, 2)
    await world.work()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    assert report_id is not None
    document = await world.report(ACME, report_id)
    assert document["summary_written_by"] == "counts"
    assert document["headline"] == "Price too high: found in 2 of 2 calls"


async def test_the_pool_works_by_itself_until_it_is_stopped(world: World) -> None:
    """The real loop, woken by the commit that leaves it something to do."""
    written = asyncio.Event()

    def script(prompt: Prompt) -> str:
        if prompt.task == "synthesise":
            written.set()
        return honest(prompt)

    world.model.script = script
    working = asyncio.create_task(world.workers.run())
    run_id = await run_with(world, 5)
    async with asyncio.timeout(20):
        await written.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await world.work()
    assert (await world.desk.run(ACME, run_id)).calls_analysed == 5
    assert len(await world.rows("SELECT * FROM usage")) == 5


async def test_told_to_stop_it_finishes_what_is_nearly_done_and_lets_go_of_the_rest(world: World) -> None:
    """The others are claimed by whoever asks next, though their leases had an hour to go."""
    await run_with(world, 3)
    begun, nearly = asyncio.Semaphore(0), asyncio.Event()
    finished: list[str] = []

    class Slow:
        async def claim(self, limit: int, seconds: float) -> Sequence[CallClaim]:
            async with world.db.sweep() as tx:
                found, _ = await claim_calls(tx, limit, seconds)
            return found

        async def renew(self, claim: CallClaim, seconds: float) -> bool:
            async with world.db.workspace(claim.workspace_id) as tx:
                return await renew_call(tx, claim, seconds)

        async def do(self, claim: CallClaim) -> None:
            begun.release()
            if claim.call_id == "c0":
                await nearly.wait()
                finished.append(claim.call_id)
            else:
                await asyncio.Event().wait()

    working = asyncio.create_task(WorkPool("call", Slow(), PoolSettings(lease=3600, finish=0.5)).run())
    async with asyncio.timeout(20):
        for _ in range(3):
            await begun.acquire()
    assert await Slow().claim(3, 30) == []
    working.cancel()
    nearly.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert finished == ["c0"]
    assert {claim.call_id for claim in await Slow().claim(3, 30)} == {"c1", "c2"}


async def test_a_claim_that_is_lost_stops_the_work_on_it() -> None:
    """Renewing finds that somebody else has the claim: the model is not waited for any longer."""
    stopped = asyncio.Event()

    class HastyClock(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    class LostWork:
        async def claim(self, limit: int, seconds: float) -> list[CallClaim]:
            return [CallClaim(ACME, RunId(uuid7()), "c1", 1, 1, 0)] if not stopped.is_set() else []

        async def renew(self, claim: CallClaim, seconds: float) -> bool:
            return False

        async def do(self, claim: CallClaim) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

    async with asyncio.timeout(20):
        assert await WorkPool("call", LostWork(), PoolSettings(concurrency=1), HastyClock()).drain() == 1


async def test_workspaces_share_the_workers_and_see_their_own_only(world: World) -> None:
    theirs = await world.finished_run(calls=2, workspace_id=RIVAL)
    ours = await world.finished_run(calls=1)
    assert (await world.desk.run(ACME, ours)).calls_analysed == 1
    assert (await world.desk.run(RIVAL, theirs)).calls_analysed == 2
    per_workspace = await world.rows("SELECT workspace_id, count(*) AS calls FROM usage GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in per_workspace] == [(ACME, 1), (RIVAL, 2)]
