"""The report's document: today's shape, whatever version was stored, and how it lies in time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.domain.document import LeftOut, SkippedCall, document_of, in_todays_shape
from analysis.domain.finding import CallAnalysis, Finding, Sentiment, Verdict
from analysis.domain.measures import Conversation
from analysis.domain.periods import periods
from analysis.domain.quotes import Quote
from analysis.domain.report import FailedCall, digest
from analysis.domain.request import Question, RunId
from analysis.domain.run import Run, RunState
from analysis.domain.summary import summary_of_counts
from analysis.domain.transcript import Affiliation

DAY = datetime(2026, 11, 2, 12, tzinfo=UTC)
QUOTE = Quote("s1", "The price is high.", "Tomás", Affiliation.EXTERNAL, 4000)


def call(number: int, theme: str = "Price", at: datetime = DAY, **of: object) -> CallAnalysis:
    given = {
        "call_id": f"{number:03}",
        "title": f"Call {number}",
        "account": "Acme",
        "rep": "Maya",
        "segment": "SMB",
        "verdict": Verdict.YES,
        "summary": "",
        "rep_talk_ms": 40,
        "total_talk_ms": 100,
        "findings": (Finding(theme, "A claim.", Sentiment.NEGATIVE, (QUOTE,)),) if theme else (),
        "quotes_dropped": 1,
        "started_at": at,
    }
    return CallAnalysis(**{**given, **of})  # type: ignore[arg-type]


def run() -> Run:
    question = Question("Why?", DAY.date(), DAY.date(), "UTC", "openai/small", 50)
    return Run(
        id=RunId(uuid.UUID(int=1)),
        question=question,
        requested_by="user_1",
        state=RunState.RUNNING,
        call_limit=50,
        calls_expected=5,
        calls_matching=9,
        calls_private=1,
        calls_without_transcript=0,
        calls_fetched=5,
        calls_analysed=3,
        calls_failed=0,
        reason="",
        report_id=None,
        created_at=DAY,
        started_at=DAY,
        finished_at=None,
    )


def test_the_document_says_what_each_part_of_the_calls_adds_up_to() -> None:
    talk = Conversation(9_000, 4, 6, 120_000)
    calls = [
        call(1, stage="Proposal", outcome="open", conversation=talk),
        call(2, stage="Proposal", outcome="open", rep="Ada"),
        call(3, theme="", stage="Closed Won", outcome="won"),
        call(4, theme="Timing"),
    ]
    totals = digest(calls, [FailedCall("9", "Call 9", "refused")])
    document = document_of(run(), totals, summary_of_counts(totals))
    assert (document["version"], document["partial"]) == (2, False)
    assert document["left_out"] == {"calls": 0, "reason": "", "fetch_ended": True, "named": []}
    assert [(t["label"], t["calls"], t["share"]) for t in document["themes"]] == [  # type: ignore[attr-defined]
        ("Price", 2, 0.5),
        ("Timing", 1, 0.25),
    ]
    rows = {
        name: [(row["name"], row["calls"], row["share"], row["findings"]) for row in document[name]]  # type: ignore[attr-defined]
        for name in ("stages", "outcomes", "reps")
    }
    assert rows == {
        "stages": [("Proposal", 2, 0.5, 2), ("unknown", 1, 0.25, 1), ("Closed Won", 1, 0.25, 0)],
        "outcomes": [("open", 2, 0.5, 2), ("unknown", 1, 0.25, 1), ("won", 1, 0.25, 0)],
        "reps": [("Maya", 3, 0.75, 2), ("Ada", 1, 0.25, 1)],
    }
    measures = {"talk_share": 0.4, "longest_monologue_ms": 9_000, "questions": 4.0, "interactivity": 3.0}
    assert document["measures"] == measures
    maya, ada = document["reps"]  # type: ignore[misc]
    assert {name: maya[name] for name in measures} == measures  # type: ignore[has-type]
    assert ada["longest_monologue_ms"] is None  # type: ignore[has-type]
    first = document["calls"][0]  # type: ignore[index]
    assert (first["started_at"], first["stage"], first["questions"]) == ("2026-11-02T12:00:00+00:00", "Proposal", 4.0)
    assert json.loads(json.dumps(document)) == document


def test_a_partial_report_names_what_it_leaves_out() -> None:
    totals = digest([call(1)], [])
    missing = LeftOut((SkippedCall("7", "Call of 2 Nov", DAY),), "stopped by a member", fetch_ended=False)
    document = document_of(run(), totals, summary_of_counts(totals), missing)
    assert document["partial"] is True
    assert document["left_out"] == {
        "calls": 1,
        "reason": "stopped by a member",
        "fetch_ended": False,
        "named": [{"call_id": "7", "title": "Call of 2 Nov", "started_at": "2026-11-02T12:00:00+00:00"}],
    }
    assert LeftOut(reason="stopped by a member").partial is False


def test_a_document_of_the_first_version_is_read_in_todays_shape() -> None:
    totals = digest([call(1), call(2, theme="Timing")], [])
    today = document_of(run(), totals, summary_of_counts(totals))
    first: dict[str, object] = json.loads(json.dumps(today))
    for name in ("partial", "left_out", "measures", "stages", "outcomes", "periods", "deal_context"):
        del first[name]
    del first["numbers"]["sentences_removed"]  # type: ignore[attr-defined]
    new = (
        "share",
        "started_at",
        "stage",
        "outcome",
        "longest_monologue_ms",
        "questions",
        "interactivity",
        "deal_source",
    )
    for rows in ("themes", "reps", "segments", "calls"):
        first[rows] = [{name: value for name, value in row.items() if name not in new} for row in first[rows]]  # type: ignore[attr-defined]
    for row in first["calls"]:  # type: ignore[attr-defined]
        del row["talk_share"]
    first["version"] = 1
    read = in_todays_shape(first)
    assert _shape(read) == _shape(today)
    assert [theme["share"] for theme in read["themes"]] == [0.5, 0.5]  # type: ignore[attr-defined]
    assert read["reps"][0]["talk_share"] == 0.4  # type: ignore[index]
    assert (read["calls"][0]["stage"], read["calls"][0]["questions"]) == ("unknown", None)  # type: ignore[index]
    assert (read["stages"], read["periods"]) == ([], {"unit": "month", "rows": []})
    assert in_todays_shape(today) == today


def _shape(value: object) -> object:
    """The names in a document, whatever they hold; lists by the first of them."""
    if not isinstance(value, dict):
        return None
    lists = {name: _shape(rows[0]) for name, rows in value.items() if isinstance(rows, list) and rows}
    counted = {"stages", "outcomes", "periods", "deal_context"}
    return sorted(value), {k: v for k, v in lists.items() if k not in counted}, _shape(value.get("numbers"))


@pytest.mark.parametrize(
    ("days", "unit", "starts"),
    [
        (1, "day", ["2026-11-02"]),
        (3, "day", ["2026-11-02", "2026-11-03", "2026-11-04"]),
        (17, "week", ["2026-11-02", "2026-11-09", "2026-11-16"]),
        (127, "month", ["2026-11-01", "2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01"]),
    ],
)
def test_the_periods_cover_the_range_and_no_more(days: int, unit: str, starts: list[str]) -> None:
    found = periods(digest([], []), DAY.date(), DAY.date() + timedelta(days=days - 1), ZoneInfo("UTC"))
    assert (found.unit, [row.start.isoformat() for row in found.rows]) == (unit, starts)


def test_a_call_counts_on_its_day_where_the_question_was_asked_and_on_the_nearest_one_outside() -> None:
    late = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    calls = [call(1, at=late), call(2, "Timing", at=late), call(3, at=late - timedelta(days=9)), call(4, "", late)]
    found = periods(digest(calls, []), date(2026, 11, 2), date(2026, 11, 3), ZoneInfo("Asia/Tokyo"))
    assert [(row.start.day, row.calls, row.findings, dict(row.themes)) for row in found.rows] == [
        (2, 1, 1, {"Price": 1}),
        (3, 3, 2, {"Price": 1, "Timing": 1}),
    ]


@given(
    st.dates(date(1999, 1, 1), date(2030, 1, 1)), st.integers(1, 3 * 366), st.lists(st.integers(-40, 1200), max_size=6)
)
def test_no_call_is_lost_in_time_and_there_are_never_too_many_periods(first: date, days: int, at: list[int]) -> None:
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    calls = [call(number, at=begin + timedelta(days=day)) for number, day in enumerate(at)]
    found = periods(digest(calls, []), first, first + timedelta(days=days - 1), ZoneInfo("UTC"))
    assert sum(row.calls for row in found.rows) == len(calls)
    assert sum(row.themes.get("Price", 0) for row in found.rows) == len(calls)
    assert len(found.rows) <= 38
    starts = [row.start for row in found.rows]
    assert starts == sorted(set(starts))


analyses = st.builds(
    call,
    st.integers(0, 20),
    st.sampled_from(["Price", "price", "Prices", "Timing", "", "Too dear"]),
    st.sampled_from([DAY, DAY + timedelta(hours=1), DAY - timedelta(days=3)]),
    rep=st.sampled_from(["Maya", "Ada"]),
    stage=st.sampled_from(["Proposal", "unknown"]),
    outcome=st.sampled_from(["won", "lost", "open", "unknown"]),
    conversation=st.one_of(
        st.none(),
        st.builds(
            Conversation, st.one_of(st.none(), st.integers(0, 9)), st.just(2), st.integers(0, 9), st.integers(0, 9)
        ),
    ),
)


@settings(max_examples=60)
@given(st.lists(analyses, max_size=12, unique_by=lambda call: call.call_id), st.randoms(use_true_random=False))
def test_the_same_results_give_the_same_document_in_whatever_order_they_came(
    calls: list[CallAnalysis], rng: Random
) -> None:
    joined = {"too dear": "price"} if {"price"} <= {f.theme.casefold() for c in calls for f in c.findings} else {}
    one = digest(calls, [], joined)
    other = digest(rng.sample(calls, len(calls)), [], joined)
    assert one == other
    assert json.dumps(document_of(run(), one, summary_of_counts(one))) == json.dumps(
        document_of(run(), other, summary_of_counts(other))
    )
    for rows in (one.reps, one.segments, one.stages, one.outcomes):
        assert sum(row.calls for row in rows) == one.numbers.calls_analysed
        assert sum(row.findings for row in rows) == one.numbers.findings == sum(len(t.findings) for t in one.themes)
