"""Which calls a filter means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.ingest.calls import DEAL, TOMAS, call

from ingest.domain.calls import Affiliation, Call, Party
from ingest.domain.filters import CallFilter
from ingest.store.jobs import filter_document, filter_of

MARCH = CallFilter(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "wanted",
    [
        MARCH,
        replace(MARCH, deal_stages=("discovery", " PROPOSAL ")),
        replace(MARCH, amount_min=64000, amount_max=64000),
        replace(MARCH, owners=("maya lindqvist",)),
        replace(MARCH, owners=("Maya@Seller.example",)),
        replace(MARCH, employees_min=850),
        replace(MARCH, employees_max=850),
        replace(MARCH, from_time=datetime(2026, 3, 1, 15, 30, tzinfo=UTC)),
        replace(MARCH, directions=("inbound", "Conference")),
        replace(MARCH, seconds_min=1800, seconds_max=1800),
        replace(MARCH, title_words=("DISCOVERY", "foods")),
        replace(MARCH, title_words=("foods: brightwater",)),
        replace(MARCH, participants=("nobody", "tomás ferreira")),
        replace(MARCH, participants=("Tomas@Buyer.example",)),
        replace(MARCH, participants=("buyer.example",)),
        replace(MARCH, participants=("@SELLER.example",)),
    ],
)
def test_meant(wanted: CallFilter) -> None:
    assert wanted.matches(call())


@pytest.mark.parametrize(
    "wanted",
    [
        replace(MARCH, to_time=datetime(2026, 3, 1, 15, 30, tzinfo=UTC)),
        replace(MARCH, deal_stages=("Negotiation",)),
        replace(MARCH, amount_min=64000.01),
        replace(MARCH, amount_max=63999.99),
        replace(MARCH, owners=("Tomás Ferreira",)),
        replace(MARCH, employees_min=851),
        replace(MARCH, employees_max=849),
        replace(MARCH, directions=("inbound", "outbound", "unknown")),
        replace(MARCH, directions=("sideways",)),
        replace(MARCH, seconds_min=1801),
        replace(MARCH, seconds_max=1799),
        replace(MARCH, title_words=("discovery", "renewal")),
        replace(MARCH, title_words=("discover",)),
        replace(MARCH, participants=("Tomás",)),
        replace(MARCH, participants=("example",)),
        replace(MARCH, participants=("yer.example", "@uyer.example", "")),
    ],
)
def test_not_meant(wanted: CallFilter) -> None:
    assert not wanted.matches(call())


@pytest.mark.parametrize(
    "wanted",
    [
        replace(MARCH, deal_stages=("Proposal",)),
        replace(MARCH, amount_max=1e9),
        replace(MARCH, owners=("Maya Lindqvist",)),
        replace(MARCH, employees_min=0),
    ],
)
def test_what_the_crm_does_not_say_meets_no_condition(wanted: CallFilter) -> None:
    assert not wanted.matches(call(deal=None))
    assert MARCH.matches(call(deal=None))


def test_a_bound_of_zero_is_a_bound() -> None:
    assert not replace(MARCH, amount_max=0).matches(call())
    assert replace(MARCH, amount_max=0).matches(call(deal=replace(DEAL, amount=0.0)))


@pytest.mark.parametrize("said", ["webinar", "unknown", ""])
def test_a_direction_that_gong_does_not_say_or_calls_otherwise_is_unknown(said: str) -> None:
    assert replace(MARCH, directions=("unknown",)).matches(call(direction=said))
    assert not replace(MARCH, directions=("inbound", "outbound", "conference")).matches(call(direction=said))


def test_words_are_the_same_however_unicode_spells_them() -> None:
    composed, apart, wide = "Cr\u00e8me", "Cre\u0300me", "\uff23r\u00e8me"
    for title in (composed, apart, wide):
        assert replace(MARCH, title_words=("cr\u00c8me",)).matches(call(title=f"({title})"))
    assert replace(MARCH, title_words=("STRASSE",)).matches(call(title="Straße 7"))
    assert replace(MARCH, title_words=("\U0001f600", "")).matches(call(title="no word is asked for"))


def test_a_party_without_an_address_is_known_by_name_only() -> None:
    alone = call(parties=(replace(TOMAS, email=None),))
    assert replace(MARCH, participants=("Tomás Ferreira",)).matches(alone)
    assert not replace(MARCH, participants=("buyer.example", "@", "")).matches(alone)


WORDS = ("price", "Pilot", "Q3", "ÉTÉ", "review")
PEOPLE = ("Ana", "ana@a.example", "b.example", "@a.example", "bo@b.example", "Bo")


def parties(draw: st.DrawFn) -> tuple[Party, ...]:
    names = draw(st.lists(st.sampled_from(["Ana", "Bo", "Cy"]), max_size=3))
    emails = st.sampled_from([None, "ana@a.example", "BO@b.example", "cy@sub.b.example"])
    return tuple(Party(None, name, None, Affiliation.UNKNOWN, draw(emails)) for name in names)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Calls that differ in what the filter looks at."""
    return call(
        title=draw(st.sampled_from([" ", "-", ": "])).join(draw(st.lists(st.sampled_from(WORDS), max_size=4))),
        direction=draw(st.sampled_from(["inbound", "outbound", "conference", "unknown", "webinar"])),
        duration_seconds=draw(st.integers(0, 4)),
        parties=parties(draw),
        deal=draw(st.none() | st.just(DEAL)),
    )


def filters() -> st.SearchStrategy[CallFilter]:
    """Filters with any of the conditions on the call itself, and one on its deal."""

    def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
        return st.lists(st.sampled_from(values), max_size=2).map(tuple)

    return st.builds(
        CallFilter,
        from_time=st.just(MARCH.from_time),
        to_time=st.just(MARCH.to_time),
        deal_stages=some(("Proposal", "Won")),
        directions=some(("inbound", "conference", "unknown")),
        seconds_min=st.none() | st.integers(0, 4),
        seconds_max=st.none() | st.integers(0, 4),
        title_words=some(tuple(word.swapcase() for word in WORDS)),
        participants=some(PEOPLE),
    )


def meant(wanted: CallFilter, one: Call) -> bool:
    """The same, spelt out the long way round."""
    title = one.title.lower().replace("-", " ").replace(":", " ").split(" ")
    known = [party.name.lower() for party in one.parties]
    for address in (party.email.lower() for party in one.parties if party.email is not None):
        mailbox, domain = address.split("@")
        known += [f"{mailbox}@{domain}", domain, f"@{domain}"]
    said = one.direction if one.direction != "webinar" else "unknown"
    conditions = [word.lower() in title for word in wanted.title_words]
    if wanted.participants:
        conditions.append(any(person.lower() in known for person in wanted.participants))
    if wanted.directions:
        conditions.append(said in wanted.directions)
    if wanted.seconds_min is not None:
        conditions.append(one.duration_seconds >= wanted.seconds_min)
    if wanted.seconds_max is not None:
        conditions.append(one.duration_seconds <= wanted.seconds_max)
    if wanted.deal_stages:
        conditions.append(one.deal is not None and one.deal.stage in wanted.deal_stages)
    return all(conditions)


@given(filters(), calls())
@settings(deadline=None)
def test_a_filter_means_what_its_conditions_say(wanted: CallFilter, one: Call) -> None:
    assert wanted.matches(one) == meant(wanted, one)


@given(filters())
@settings(deadline=None)
def test_a_filter_survives_being_kept(wanted: CallFilter) -> None:
    wanted = replace(wanted, amount_min=1.5, owners=("a", "b"), employees_max=7)
    assert filter_of(json.loads(json.dumps(filter_document(wanted)))) == wanted


def test_a_filter_that_an_earlier_release_kept_sets_none_of_the_later_conditions() -> None:
    wanted = replace(MARCH, deal_stages=("Proposal",), amount_min=1.5, owners=("a", "b"), employees_max=7)
    later = ("directions", "seconds_min", "seconds_max", "title_words", "participants")
    kept = {name: value for name, value in filter_document(wanted).items() if name not in later}
    assert len(kept) == 8
    assert filter_of(kept) == wanted
