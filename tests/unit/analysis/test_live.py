"""What those who watch a run are told of it: phase, pace, what is left, and which states are the same."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis.domain.live import PACE_CALLS, Activity, Progress, snapshot
from analysis.domain.request import Question, ReportId, RunId
from analysis.domain.run import Run, RunState
from analysis.http.run_words import steps

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = NOON.date()


def run(**changes: Any) -> Run:
    """A run of 40 calls that began at noon."""
    given: dict[str, Any] = {
        "id": RunId(uuid.UUID(int=7)),
        "question": Question("What of price?", DAY, DAY, "UTC", "openai/small", 50),
        "requested_by": "user_maya1",
        "state": RunState.RUNNING,
        "call_limit": 50,
        "calls_expected": 40,
        "calls_matching": 40,
        "calls_private": 0,
        "calls_without_transcript": 0,
        "calls_fetched": 40,
        "calls_analysed": 10,
        "calls_failed": 0,
        "reason": "",
        "report_id": None,
        "created_at": NOON,
        "started_at": NOON,
        "finished_at": None,
    }
    return Run(**{**given, **changes})


def progress(activity: Activity = Activity(), at: datetime = NOON, **changes: Any) -> Progress:  # noqa: B008 - frozen
    return Progress(run(**changes), activity, at)


def recent(calls: int, seconds: float, begun: float = 0.0) -> Activity:
    """So many calls analysed between `begun` and `seconds` after noon."""
    return Activity(
        recent=calls, recent_from=NOON + timedelta(seconds=begun), recent_to=NOON + timedelta(seconds=seconds)
    )


def test_the_pace_of_a_young_run_counts_from_its_start() -> None:
    # Ten in 20 seconds, eight of which ended in the last two: not eight in two.
    told = progress(recent(10, 20, 18))
    assert told.calls_a_second == pytest.approx(0.5)
    assert told.remaining_seconds == 60
    assert told.expected_at == NOON + timedelta(seconds=80)
    assert told.minutes_left == 1


def test_the_pace_of_a_long_run_is_that_of_its_last_calls() -> None:
    told = progress(recent(PACE_CALLS, 3600, 3502), calls_expected=1000, calls_analysed=200)
    assert told.calls_a_second == pytest.approx(0.5)
    assert told.minutes_left == 27


def test_a_run_that_is_gone_on_with_does_not_count_the_night_between() -> None:
    told = progress(recent(11, 3610, 3600), started_at=NOON, calls_analysed=11)
    assert told.calls_a_second == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("activity", "changes"),
    [
        pytest.param(Activity(), {}, id="nothing analysed yet"),
        pytest.param(recent(2, 20), {}, id="too few"),
        pytest.param(recent(50, 20, 20), {"started_at": NOON - timedelta(days=1)}, id="all at one time"),
        pytest.param(recent(10, 20), {"calls_expected": None}, id="their number is not known"),
        pytest.param(recent(10, 20), {"calls_analysed": 40}, id="none left"),
        pytest.param(recent(10, 20), {"state": RunState.FAILED, "finished_at": NOON}, id="it is over"),
    ],
)
def test_nobody_is_told_a_time_that_nobody_knows(activity: Activity, changes: dict[str, Any]) -> None:
    told = progress(activity, **changes)
    assert (told.remaining_seconds, told.expected_at, told.minutes_left) == (None, None, None)


@pytest.mark.parametrize(
    ("phase", "changes"),
    [
        pytest.param("queued", {"state": RunState.QUEUED}, id="queued"),
        pytest.param("fetch", {"calls_expected": None, "calls_fetched": 0, "calls_analysed": 0}, id="fetch"),
        pytest.param("transcripts", {"calls_fetched": 0, "calls_analysed": 0}, id="transcripts"),
        pytest.param("analysis", {"calls_fetched": 12}, id="analysis"),
        pytest.param("summary", {"calls_analysed": 38, "calls_failed": 2}, id="summary"),
        pytest.param("failed", {"state": RunState.FAILED, "finished_at": NOON}, id="failed"),
    ],
)
def test_the_phase_is_the_stage_that_is_furthest(phase: str, changes: dict[str, Any]) -> None:
    told = progress(**changes)
    assert told.phase == phase
    assert told.document["phase"] == phase
    assert told.sentence.endswith(".")


def test_a_cancelled_run_has_ended_when_its_partial_report_is_there() -> None:
    over: dict[str, Any] = {"state": RunState.CANCELLED, "finished_at": NOON}
    assert not progress(**over).ended
    assert progress(report_id=ReportId(uuid.UUID(int=9)), **over).ended
    assert progress(at=NOON + timedelta(hours=1), **over).ended
    assert progress(calls_analysed=0, **over).ended


def test_equal_states_have_one_version_and_others_another() -> None:
    first = snapshot(progress(recent(10, 20)))
    assert snapshot(progress(recent(10, 20), at=NOON + timedelta(hours=1))).version == first.version
    versions = {
        snapshot(progress(activity, **changes)).version
        for activity, changes in (
            (recent(10, 20), {}),
            (recent(11, 20), {}),
            (Activity(analysing=1), {}),
            (Activity(put_back=1), {}),
            (Activity(current=(NOON,)), {}),
            (Activity(), {"calls_fetched": 39}),
            (Activity(), {"calls_analysed": 11}),
            (Activity(), {"calls_failed": 1}),
            (Activity(), {"remarks": ("HubSpot could not be asked.",)}),
            (Activity(), {"reason": "x"}),
            (Activity(), {"calls_expected": None, "paused_until": NOON + timedelta(hours=2), "pause_reason": "Gong"}),
            (Activity(), {"calls_expected": None, "paused_until": NOON + timedelta(hours=3), "pause_reason": "Gong"}),
            (Activity(), {"state": RunState.COMPLETED, "finished_at": NOON, "report_id": ReportId(uuid.UUID(int=9))}),
        )
    }
    assert len(versions) == 13
    assert all(len(version) == 35 for version in versions)


@pytest.mark.parametrize(
    ("looks", "changes"),
    [
        pytest.param(
            ["", "", "", ""], {"state": RunState.QUEUED, "calls_expected": None, "calls_fetched": 0}, id="queued"
        ),
        pytest.param(["done", "now", "now", ""], {"calls_fetched": 12}, id="running"),
        pytest.param(["done", "done", "done", "now"], {"calls_analysed": 40}, id="summary"),
        pytest.param(["done", "done", "wrong", ""], {"state": RunState.FAILED, "finished_at": NOON}, id="failed"),
        pytest.param(
            ["done", "done", "stopped", ""], {"state": RunState.CANCELLED, "finished_at": NOON}, id="cancelled"
        ),
        pytest.param(
            ["done", "done", "done", "done"],
            {"state": RunState.COMPLETED, "calls_analysed": 40, "finished_at": NOON},
            id="completed",
        ),
    ],
)
def test_the_stages_look_as_far_as_they_are(looks: list[str], changes: dict[str, Any]) -> None:
    drawn = steps(progress(**changes))
    assert [step.look for step in drawn] == looks
    assert all(0 <= step.percent <= 100 for step in drawn)


def test_a_run_that_ended_early_says_where() -> None:
    (_, _, analysis, _) = steps(progress(state=RunState.FAILED, finished_at=NOON))
    assert (analysis.words, analysis.percent) == ("Failed at 10 of 40", 25)
