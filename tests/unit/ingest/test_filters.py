"""Which calls a filter means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from unit.ingest.calls import DEAL, call

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


def test_a_filter_survives_being_kept() -> None:
    wanted = replace(MARCH, deal_stages=("Proposal",), amount_min=1.5, owners=("a", "b"), employees_max=7)
    assert filter_of(filter_document(wanted)) == wanted
