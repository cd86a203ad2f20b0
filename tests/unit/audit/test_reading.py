"""Filters, marks, words, names and how entries are put into words. Pure."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.domain import wording
from audit.domain.entry import Change, Entry, EntryType, as_diff, diff_json
from audit.domain.names import names_told
from audit.domain.reading import EARLIEST, EntrySource, Filters, Mark, Position
from audit.domain.words import LONGEST_WORD, MOST_WORDS_KEPT, diff_words, words_of
from audit.http.exports import cell
from callmine.audit.v1.audit_pb2 import AdminActionType
from contracts import Source
from core.errors import InvalidInput

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(
    *diff: Change, kind: EntryType = EntryType.SCHEDULE_EDITED, target: tuple[str, str] = ("schedule", "s1")
) -> Entry:
    return Entry(uuid.UUID(int=1), kind, "user", "user_1", "ada@example.com", "web", *target, diff, NOON)


@pytest.mark.parametrize(
    ("diff", "line"),
    [
        pytest.param([Change("status", '"paused"', '"active"')], "Weekly win/loss: paused → active", id="status"),
        pytest.param([Change("time", '"09:00"', '"10:30"')], "Weekly win/loss: time 09:00 → 10:30", id="one-field"),
        pytest.param(
            [Change("stop_at_quota", "true", "false")], "Weekly win/loss: stop at quota yes → no", id="yes-no"
        ),
        pytest.param(
            [Change("weekdays", '["mon", "tue"]', None)], "Weekly win/loss: weekdays mon, tue → (nothing)", id="list"
        ),
        pytest.param([Change("name", None, '"Weekly win/loss"')], "Weekly win/loss", id="its-name"),
        pytest.param([], "Weekly win/loss", id="nothing"),
        pytest.param(
            [Change("status", '"needs_reconnect"', '"connected"'), Change("account", None, '"7"')],
            "Weekly win/loss: needs reconnect → connected, and 1 more change",
            id="status-and-more",
        ),
        pytest.param(
            [Change(name, None, "1") for name in ("a_b", "c", "d", "e", "f", "g")],
            "Weekly win/loss: a b, c, d, e and 2 more changes",
            id="many",
        ),
        pytest.param(
            [Change("range", '"' + "x" * 200 + '"', "1")], f"Weekly win/loss: range {'x' * 79}… → 1", id="long"
        ),
        pytest.param(
            [Change("odd", "{not json", '{"a": 1}')], 'Weekly win/loss: odd {not json → {"a": 1}', id="no-json"
        ),
    ],
)
def test_an_entry_in_a_line(diff: list[Change], line: str) -> None:
    assert wording.line(entry(*diff), {("schedule", "s1"): "Weekly win/loss"}) == line


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param(("integration", "hubspot"), "HubSpot", id="provider"),
        pytest.param(("workspace", "org_1"), "This workspace", id="workspace"),
        pytest.param(("report", "0195520d"), "Report", id="no-name"),
        pytest.param(("report", ""), "Something that was erased", id="erased"),
    ],
)
def test_a_thing_without_a_name(target: tuple[str, str], words: str) -> None:
    assert wording.target_words(entry(target=target), {}) == words


def test_every_type_and_source_has_words_and_there_is_no_other() -> None:
    assert set(wording.TYPES) == set(EntryType)
    assert len(set(wording.TYPES.values())) == len(EntryType) == len(AdminActionType.keys()) - 1 == 14
    assert (
        {source.value for source in wording.SOURCES}
        == {source.value for source in EntrySource}
        == {s.value for s in Source}
    )


def test_filters_are_taken_away_one_by_one() -> None:
    filters = Filters(
        EntryType.MEMBER_ADDED, EntrySource.WEB, "a&b", "t", "one two", date(2026, 3, 1), date(2026, 3, 2)
    )
    assert filters.query(cursor="x=") == (
        "?type=member.added&source=web&actor=a%26b&target=t&text=one%20two&from=2026-03-01&to=2026-03-02&cursor=x%3D"
    )
    left = filters
    for name in ("type", "source", "actor", "target", "text", "first_day", "last_day"):
        assert left
        left = left.without(name)
    assert not left
    assert left.query() == ""


def test_days_begin_and_end_where_the_workspace_is() -> None:
    filters = Filters(first_day=date(2026, 3, 29), last_day=date(2026, 3, 29))
    zone = ZoneInfo("Europe/Berlin")
    assert filters.since(zone) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    # The clocks went forward: the day had 23 hours.
    assert filters.top(zone).occurred_at == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert filters.top(zone).or_earlier(Position()) == filters.top(zone)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_first_and_the_last_day_there_are_break_nothing(day: date) -> None:
    for zone in (ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        filters = Filters(first_day=day, last_day=day)
        assert filters.since(zone).tzinfo is not None
        assert filters.top(zone).occurred_at.tzinfo is not None


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 1, 1)), st.integers(0, 10**9 - 1))  # noqa: DTZ001
def test_a_mark_is_read_back_as_it_was(moment: datetime, seen: int) -> None:
    mark = Mark(moment.replace(tzinfo=UTC), seen)
    assert Mark.parse(str(mark)) == mark
    assert EARLIEST <= mark.since <= mark.read_at


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_plain_letters_have_the_words_that_they_have_beside_others(text: str) -> None:
    """ASCII is folded in a shorter way; a letter that is none makes it go the long one."""
    assert words_of(f"{text} é") == words_of(text) | {"é"}


@given(st.text(), st.text())
def test_the_words_of_a_text_are_those_of_its_parts(one: str, other: str) -> None:
    assert words_of(f"{one} / {other}") == words_of(one) | words_of(other)
    assert all(0 < len(word) <= LONGEST_WORD for word in words_of(one))


@given(st.text())
def test_a_text_is_found_by_its_own_words_whatever_their_case(text: str) -> None:
    assert words_of(text.casefold()) <= words_of(text) | words_of(text.casefold().casefold())


def test_an_entry_is_found_by_fields_and_both_sides() -> None:
    diff = [Change("display_name", '"Été"', '"Winter 2026"'), Change("x", None, None)]
    assert diff_words(diff) == {"display", "name", "été", "winter", "2026", "x"}
    assert len(diff_words([Change("x", " ".join(map(str, range(5000))), None)])) == MOST_WORDS_KEPT


_SIDES = st.one_of(st.none(), st.text())


@given(st.lists(st.builds(Change, st.text(), _SIDES, _SIDES)))
def test_a_diff_is_kept_as_it_is_shown(diff: list[Change]) -> None:
    assert json.loads(diff_json(diff)) == as_diff(diff)


def test_a_search_without_a_word_or_with_too_many_is_refused() -> None:
    for text in ("...", "—", "a b c d e f g h i"):
        with pytest.raises(InvalidInput):
            Filters(text=text)


def test_names_are_those_told_last_of_targets_and_actors() -> None:
    told = list(names_told(entry(Change("name", '"Old"', '"New"'))))
    assert [(one.kind, one.id, one.name) for one in told] == [
        ("actor", "user_1", "ada@example.com"),
        ("schedule", "s1", "New"),
    ]
    removed = entry(
        Change("email", '"b@example.com"', None), kind=EntryType.MEMBER_REMOVED, target=("member", "user_2")
    )
    assert [one.name for one in names_told(removed)] == ["ada@example.com", "b@example.com"]
    odd = entry(Change("name", None, "[1]"))
    assert len(list(names_told(odd))) == 1


@given(st.text())
def test_no_cell_of_a_spreadsheet_begins_a_formula(text: str) -> None:
    shown = cell(text)
    assert shown.lstrip()[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20")
    assert shown[:1] not in set("\t\r\n")
    assert shown.removeprefix("'") == text.replace("\x00", "").removeprefix("'")


def test_late_is_later_than_the_longest_transaction() -> None:
    assert Mark(NOON, 0).since == NOON - timedelta(seconds=30)
