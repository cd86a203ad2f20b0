"""Reports: themes that a model joins, partial ones of cancelled runs, and what older builds stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import pytest

from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.models.port import AccountRefused, BadAnswer, Prompt
from callmine.fetches.v1.fetches_pb2 import FetchCancelled
from callmine.reports.v1.reports_pb2 import ReportCompleted, RunCancelled
from core import faultpoints
from core.errors import Conflict, Transient
from core.ids import WorkspaceId
from integration.analysis.world import ACME, MAYA, World, call_answer, call_document, honest, question

THEMES = ("Price too high", "Too expensive", "Timing")
QUOTED = ("s2", "Honestly, the price is higher than we planned for.")


def themed(prompt: Prompt) -> str:
    """Each call speaks of one theme, in turn; the first two are found to be one."""
    document = json.loads(prompt.document)
    if prompt.task == "merge-themes":
        ids = {label["label"]: label["id"] for label in document["labels"]}
        return json.dumps({"groups": [{"ids": [ids[label] for label in THEMES[:2] if label in ids]}]})
    if prompt.task == "synthesise":
        return honest(prompt)
    number = int(document["call"]["title"].removeprefix("Call c"))
    return call_answer([QUOTED], theme=THEMES[number % 3])


async def started(world: World, calls: int, expected: int | None = None) -> RunId:
    run_id = await world.desk.start(ACME, question(), MAYA)
    await world.deliver(*[await world.fetched(run_id, f"c{n}") for n in range(calls)])
    if expected is not None:
        await world.deliver(world.completed(run_id, expected))
    return run_id


async def report_of(world: World, run_id: RunId, workspace_id: WorkspaceId = ACME) -> Mapping[str, object]:
    report_id = (await world.desk.run(workspace_id, run_id)).report_id
    assert report_id is not None
    return await world.report(workspace_id, report_id)


def themes_of(document: Mapping[str, object]) -> list[tuple[str, int]]:
    rows = document["themes"]
    assert isinstance(rows, list)
    return [(row["label"], row["calls"]) for row in rows]


def asked(world: World, task: str) -> int:
    return len([prompt for prompt in world.model.asked if prompt.task == task])


async def test_themes_that_mean_the_same_are_one_in_the_report(world: World) -> None:
    world.model.script = themed
    run_id = await started(world, 4, 4)
    await world.work()
    document = await report_of(world, run_id)
    assert themes_of(document) == [("Price too high", 3), ("Timing", 1)]
    assert (asked(world, "merge-themes"), asked(world, "synthesise")) == (1, 1)


def raising(error: Exception) -> Callable[[Prompt], str]:
    def script(_: Prompt) -> str:
        raise error

    return script


@pytest.mark.parametrize(
    "misbehave",
    [
        lambda _: "not json",
        lambda _: '{"groups": [["t1", "t2"]]}',
        lambda _: '{"groups": [{"ids": ["t1", "t9"]}, {"ids": ["t2", "t3"]}, {"ids": ["t3", "t2"]}]}',
        raising(BadAnswer("the model refused to answer")),
        raising(AccountRefused("no account")),
        raising(Transient("away")),
    ],
)
async def test_a_model_that_cannot_join_themes_leaves_them_as_they_are_spelled(
    world: World, misbehave: Callable[[Prompt], str]
) -> None:
    world.model.script = lambda prompt: misbehave(prompt) if prompt.task == "merge-themes" else themed(prompt)
    run_id = await started(world, 4, 4)
    await world.work()
    document = await report_of(world, run_id)
    assert themes_of(document) == [("Price too high", 2), ("Timing", 1), ("Too expensive", 1)]
    assert document["summary_written_by"] == "model"


@pytest.mark.parametrize("error", [Transient("busy"), BadAnswer("the model refused to answer")])
async def test_a_summary_that_is_asked_for_again_asks_for_no_themes_again(world: World, error: Exception) -> None:
    failures = iter([error, error])

    def script(prompt: Prompt) -> str:
        failure = next(failures, None) if prompt.task == "synthesise" else None
        if failure is not None:
            raise failure
        return themed(prompt)

    world.model.script = script
    run_id = await started(world, 3, 3)
    await world.work()
    assert themes_of(await report_of(world, run_id)) == [("Price too high", 2), ("Timing", 1)]
    assert (asked(world, "merge-themes"), asked(world, "synthesise")) == (1, 3)


async def cancelled_after(world: World, done: int, calls: int, expected: int | None) -> RunId:
    """A run that is cancelled once so many of its calls are analysed, in the middle of the others."""
    finished = 0

    def script(prompt: Prompt) -> str:
        nonlocal finished
        if prompt.task == "analyse-call":
            if finished >= done:
                raise Transient("busy", retry_after=500)
            finished += 1
        return themed(prompt)

    world.model.script = script
    run_id = await started(world, calls, expected)
    await world.workers.drain()
    await world.desk.cancel(ACME, run_id, MAYA)
    return run_id


async def test_a_cancelled_run_gets_a_report_of_the_calls_that_are_finished(world: World) -> None:
    run_id = await cancelled_after(world, done=2, calls=5, expected=5)
    assert (await world.desk.run(ACME, run_id)).report_id is None
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.reason, run.calls_analysed) == (RunState.CANCELLED, "stopped by a member", 2)
    document = await report_of(world, run_id)
    numbers, left_out = document["numbers"], document["left_out"]
    assert isinstance(numbers, dict)
    assert isinstance(left_out, dict)
    assert (document["partial"], numbers["calls_analysed"]) == (True, 2)
    named = left_out.pop("named")
    assert left_out == {"calls": 3, "reason": "stopped by a member", "fetch_ended": True}
    assert {call["call_id"] for call in named} == {"c0", "c1", "c2", "c3", "c4"} - await analysed(world)
    assert {call["title"] for call in named} == {"Call of 2 Nov 2026, 15:32 UTC"}
    assert await metered(world) == await analysed(world)
    ends = [e for e in await world.sent() if isinstance(e.payload, RunCancelled | ReportCompleted)]
    assert [type(event.payload) for event in ends] == [RunCancelled, ReportCompleted]
    assert ends[0].sequence < ends[1].sequence
    assert isinstance(ends[1].payload, ReportCompleted)
    assert (ends[1].payload.partial, ends[1].payload.calls_analysed) == (True, 2)
    with pytest.raises(Conflict):
        await world.desk.cancel(ACME, run_id, MAYA)


async def analysed(world: World) -> set[str]:
    return {row["call_id"] for row in await world.rows("SELECT call_id FROM analyses")}


async def metered(world: World) -> set[str]:
    return {row["call_id"] for row in await world.rows("SELECT call_id FROM usage")}


async def test_a_run_cancelled_before_its_fetch_has_ended_says_that_more_may_match(world: World) -> None:
    run_id = await cancelled_after(world, done=1, calls=2, expected=None)
    await world.work()
    left_out = (await report_of(world, run_id))["left_out"]
    assert isinstance(left_out, dict)
    assert (left_out["calls"], left_out["fetch_ended"]) == (1, False)
    assert len(await world.sent_of(FetchCancelled)) == 1


async def test_a_run_cancelled_with_nothing_finished_has_no_report(world: World) -> None:
    run_id = await cancelled_after(world, done=0, calls=2, expected=2)
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, run.report_id) == (RunState.CANCELLED, None)
    assert await world.rows("SELECT * FROM syntheses") == []
    assert await world.sent_of(ReportCompleted) == []


@pytest.mark.parametrize("task", ["merge-themes", "synthesise"])
async def test_a_run_cancelled_while_its_summary_is_written_has_all_its_calls(world: World, task: str) -> None:
    run_id = await started(world, 3, 3)

    async def cancelling() -> None:
        if world.model.asked[-1].task == task:
            await world.desk.cancel(ACME, run_id, MAYA)
        else:
            world.model.meanwhile = cancelling

    world.model.script, world.model.meanwhile = themed, cancelling
    await world.work()
    run = await world.desk.run(ACME, run_id)
    assert (run.state, (await report_of(world, run_id))["partial"]) == (RunState.CANCELLED, False)
    assert len(await world.rows("SELECT * FROM reports")) == 1
    (event,) = await world.sent_of(ReportCompleted)
    assert isinstance(event.payload, ReportCompleted)
    assert event.payload.partial is False
    assert asked(world, task) == 1


class Crash(BaseException):
    """What kill -9 is to a process."""


@pytest.mark.parametrize(
    "point", ["analysis.synthesis.claimed", "analysis.synthesis.answered", "analysis.synthesis.before_commit"]
)
async def test_a_crash_while_a_partial_report_is_written_gives_one(world: World, point: str) -> None:
    run_id = await cancelled_after(world, done=2, calls=3, expected=3)

    def trap(reached: str) -> None:
        if reached == point:
            raise Crash

    faultpoints.arm(trap)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - the crash comes out inside groups of the tasks it went through
        await world.workers.drain()
    faultpoints.arm(None)
    await world.work()
    assert (await report_of(world, run_id))["partial"] is True
    assert len(await world.rows("SELECT * FROM reports")) == 1
    assert len(await world.sent_of(ReportCompleted)) == 1
    assert asked(world, "merge-themes") <= 1


async def test_what_the_deal_and_the_conversation_say_is_stored_and_counted(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    won = call_document("c0") | {"deal": {"stage": "Closed Won", "outcome": "won", "source": "gong"}}
    odd = call_document("c1") | {"deal": {"stage": " ", "outcome": "probably"}}
    await world.deliver(
        await world.fetched(run_id, "c0", document=won),
        await world.fetched(run_id, "c1", document=odd),
        await world.fetched(run_id, "c2", document=call_document("c2") | {"deal": None}),
        world.completed(run_id, 3),
    )
    await world.work()
    document = await report_of(world, run_id)
    assert [rows_of(document, name) for name in ("stages", "outcomes")] == [
        [("unknown", 2), ("Closed Won", 1)],
        [("unknown", 2), ("won", 1)],
    ]
    assert document["measures"] == {
        "talk_share": 0.3333,
        "longest_monologue_ms": 4000,
        "questions": 0.0,
        "interactivity": 5.0,
    }
    stored = await world.rows("SELECT DISTINCT longest_monologue_ms, questions, switches, span_ms FROM analyses")
    assert [tuple(row) for row in stored] == [(4000, 0, 1, 12000)]


def rows_of(document: Mapping[str, object], name: str) -> Sequence[tuple[str, int]]:
    rows = document[name]
    assert isinstance(rows, list)
    return [(row["name"], row["calls"]) for row in rows]


async def test_a_call_analysed_by_an_older_build_has_its_stage_and_measures_unknown(world: World) -> None:
    run_id = await started(world, 2)
    await world.workers.drain()
    await world.owner(
        "UPDATE analyses SET stage = NULL, outcome = NULL, longest_monologue_ms = NULL, questions = NULL, "
        "switches = NULL, span_ms = NULL WHERE call_id = 'c0'"
    )
    await world.deliver(world.completed(run_id, 2))
    await world.work()
    document = await report_of(world, run_id)
    assert rows_of(document, "stages") == [("Proposal", 1), ("unknown", 1)]
    calls = document["calls"]
    assert isinstance(calls, list)
    old, new = sorted(calls, key=lambda call: str(call["call_id"]))
    assert (old["stage"], old["questions"], old["interactivity"]) == ("unknown", None, None)
    assert (new["stage"], new["questions"], new["interactivity"]) == ("Proposal", 0.0, 5.0)
    assert old["talk_share"] == new["talk_share"] == 0.3333


async def test_a_report_stored_as_the_first_version_is_read_as_todays(world: World) -> None:
    run_id = await started(world, 1, 1)
    await world.work()
    await world.owner(
        "UPDATE reports SET document = document - 'partial' - 'stages' - 'periods' || jsonb_build_object('version', 1)"
    )
    document = await report_of(world, run_id)
    assert (document["version"], document["partial"], document["stages"]) == (2, False, [])
