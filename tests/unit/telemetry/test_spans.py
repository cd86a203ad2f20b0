"""Spans: whose trace a piece of work is part of, what is recorded, and what can never be in one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.context import current, working_for
from telemetry import Kind, batch_span, past_span, span
from telemetry.attributes import ATTRIBUTES, LEFT_OUT
from telemetry.installed import MOST_EARLY, expected, installed, recorder
from telemetry.instruments import EGRESS_REFUSED, INBOX_MESSAGES, OUTBOX_EVENTS, WORK_SECONDS
from telemetry.otlp import readings
from telemetry.recording import MOST_SERIES, MOST_WAITING, Recorder

RECORDED = f"00-{'a' * 32}-{'1' * 16}-01"
OTHER = f"00-{'b' * 32}-{'2' * 16}-01"
SILENT = f"00-{'c' * 32}-{'3' * 16}-00"


@pytest.fixture
def telling() -> Iterator[Recorder]:
    """A recorder that records every trace that begins here."""
    made = Recorder("audit", "project", 1.0)
    with installed(made):
        yield made


def test_a_span_is_part_of_its_parent_and_what_follows_is_part_of_it(telling: Recorder) -> None:
    with span("outer", parent=RECORDED), span("inner"):
        within = current().traceparent
    inner, outer = telling.take_spans(9)
    assert (outer.name, inner.name) == ("outer", "inner")
    assert f"{outer.context.trace_id:032x}" == "a" * 32
    assert outer.parent
    assert f"{outer.parent.span_id:016x}" == "1" * 16
    assert inner.parent
    assert inner.parent.span_id == outer.context.span_id
    assert within == f"00-{'a' * 32}-{inner.context.span_id:016x}-01"


def test_what_is_not_recorded_goes_on_as_it_came(telling: Recorder) -> None:
    with span("work", parent=SILENT) as made:
        made.note(run_id="1")
        past_span("GET gong", Kind.CLIENT, 1.0)
        assert current().traceparent == SILENT
    assert telling.take_spans(9) == []


@pytest.mark.parametrize("came", ["", "00-trace", "the customer said", f"00-{'0' * 32}-{'1' * 16}-01", RECORDED + "1"])
def test_what_is_no_traceparent_begins_nothing_and_goes_nowhere(telling: Recorder, came: str) -> None:
    with span("work", parent=came):
        assert current().traceparent == ""
    with batch_span("work", Kind.CONSUMER, [came, came]):
        assert current().traceparent == ""
    assert telling.take_spans(9) == []


def test_a_share_of_the_traces_that_begin_here_is_recorded() -> None:
    silent = Recorder("audit", "project", 0.0)
    with installed(silent), span("request", root=True):
        assert current().traceparent.endswith("-00")
        with span("inner"):
            assert current().traceparent.endswith("-00")
    assert silent.take_spans(9) == []


def test_messages_of_one_trace_are_worked_on_in_it(telling: Recorder) -> None:
    same = f"00-{'a' * 32}-{'4' * 16}-01"
    with batch_span("process", Kind.CONSUMER, [RECORDED, same, RECORDED], messages=3):
        assert current().traceparent[3:35] == "a" * 32
    (made,) = telling.take_spans(9)
    assert [f"{link.context.span_id:016x}" for link in made.links] == ["4" * 16]


def test_messages_of_several_traces_are_worked_on_in_one_that_leads_to_those_recorded() -> None:
    telling = Recorder("audit", "project", 0.0)
    with installed(telling), batch_span("process", Kind.CONSUMER, [SILENT, RECORDED, OTHER]):
        assert current().traceparent[3:35] not in {"a" * 32, "b" * 32, "c" * 32}
        assert current().traceparent.endswith("-01")
    (made,) = telling.take_spans(9)
    assert made.parent is None
    assert {f"{link.context.trace_id:032x}"[0] for link in made.links} == {"a", "b"}


def test_an_exception_is_its_class(telling: Recorder) -> None:
    with pytest.raises(ValueError, match="said"), span("work", parent=RECORDED):
        raise ValueError("the customer said something")
    (made,) = telling.take_spans(9)
    assert dict(made.attributes or {}) == {"error.type": "ValueError"}
    assert (made.status.description, list(made.events)) == (None, [])


@pytest.mark.parametrize(
    "text", ["we lose deals to them", "ada@callmine.example", 'a"b', "x" * 201, "Bearer eyJhbGciOi", "line\nline"]
)
def test_content_does_not_get_into_an_attribute(telling: Recorder, text: str) -> None:
    with span("work", parent=RECORDED, work=text) as made:
        made.note(model=text)
    (told,) = telling.take_spans(9)
    assert set((told.attributes or {}).values()) == {LEFT_OUT}


def test_an_attribute_that_is_not_on_the_list_is_refused(telling: Recorder) -> None:
    with pytest.raises(KeyError), span("work", parent=RECORDED, brief="x"):
        pass
    assert "brief" not in ATTRIBUTES


def test_a_span_says_whose_work_it_is(telling: Recorder) -> None:
    with working_for("org_1", "request-1"), span("work", parent=RECORDED, run_id="7"):
        pass
    (made,) = telling.take_spans(9)
    told = {"callmine.workspace_id": "org_1", "callmine.correlation_id": "request-1", "callmine.run_id": "7"}
    assert dict(made.attributes or {}) == told


def test_spans_that_nobody_takes_are_bounded_and_counted(telling: Recorder) -> None:
    with span("request", root=True):
        for _ in range(MOST_WAITING + 5):
            past_span("GET gong", Kind.CLIENT, 0.1)
    assert telling.dropped == 6
    assert len(telling.take_spans(2 * MOST_WAITING)) == MOST_WAITING


def test_metrics_are_added_up_and_read(telling: Recorder) -> None:
    INBOX_MESSAGES.add(3, subscription="audit.audit", outcome="done")
    INBOX_MESSAGES.add(2, outcome="done", subscription="audit.audit")
    OUTBOX_EVENTS.set(4)
    WORK_SECONDS.record(0.5, stage="call", outcome="done")
    read = {one.name: (one.labels, one.value, one.count) for one in readings(telling.metrics())}
    assert read == {
        "callmine_inbox_messages": ({"subscription": "audit.audit", "outcome": "done"}, 5.0, 0),
        "callmine_outbox_events": ({}, 4.0, 0),
        "callmine_work_seconds": ({"stage": "call", "outcome": "done"}, 0.5, 1),
    }


def test_other_labels_are_refused_and_series_are_bounded(telling: Recorder) -> None:
    with pytest.raises(ValueError, match="has the labels"):
        EGRESS_REFUSED.add(workspace_id="org_1")
    for number in range(MOST_SERIES + 50):
        EGRESS_REFUSED.add(recipient=f"r{number}")
    series = list(readings(telling.metrics()))
    assert len(series) == MOST_SERIES + 1
    assert [one.value for one in series if one.labels == {"recipient": "other"}] == [50.0]


def test_without_a_recorder_nothing_happens() -> None:
    assert recorder() is None
    INBOX_MESSAGES.add(3, subscription="a", outcome="done")
    with span("request", root=True), batch_span("process", Kind.CONSUMER, [RECORDED, OTHER]):
        assert current().traceparent == RECORDED


def test_what_is_measured_before_the_recorder_is_there_is_kept_for_it() -> None:
    with expected():
        INBOX_MESSAGES.add(2, subscription="audit.audit", outcome="done")
        OUTBOX_EVENTS.set(7)
        with pytest.raises(ValueError, match="has the labels"):
            INBOX_MESSAGES.add(1, topic="audit")
        with span("request", root=True):
            assert current().traceparent == ""
        made = Recorder("audit", "project", 1.0)
        with installed(made):
            INBOX_MESSAGES.add(1, subscription="audit.audit", outcome="done")
            read = {one.name: one.value for one in readings(made.metrics())}
    assert read == {"callmine_inbox_messages": 3.0, "callmine_outbox_events": 7.0}
    assert made.take_spans(9) == []


def test_what_is_measured_before_is_bounded_and_told_once() -> None:
    with expected():
        for _ in range(MOST_EARLY + 1):
            EGRESS_REFUSED.add(1, recipient="gong")
        first, second = Recorder("audit", "project", 1.0), Recorder("audit", "project", 1.0)
        with installed(first), installed(second):
            pass
    assert [one.value for one in readings(first.metrics())] == [MOST_EARLY]
    assert list(readings(second.metrics())) == []
