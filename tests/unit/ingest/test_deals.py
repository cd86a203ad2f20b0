"""Which deal a call belongs to, and what a second source adds to a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.ingest.calls import DEAL, MAYA, TOMAS, call

from ingest.domain.calls import Affiliation, Deal, Outcome, Party, Source
from ingest.domain.deals import (
    MADE_AFTERWARDS,
    CrmCompany,
    CrmDeal,
    choose_deal,
    company_domain,
    completed,
    customer_addresses,
    lacks_context,
)

CALL_AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def deal(number: int, made: int, closed: int | None = None, **changes: object) -> CrmDeal:
    """A deal made and closed so many days after the call."""
    closed_at = None if closed is None else CALL_AT + closed * DAY
    return replace(CrmDeal(str(number), CALL_AT + made * DAY, closed_at), **changes)


DEALS = st.lists(
    st.builds(deal, st.integers(1, 200), st.integers(-40, 40), st.none() | st.integers(-40, 40)),
    unique_by=lambda one: one.deal_id,
    max_size=8,
)


@pytest.mark.parametrize(
    ("deals", "chosen"),
    [
        ([], None),
        ([deal(1, -30), deal(2, -5), deal(3, 1)], "2"),
        ([deal(1, -30), deal(2, -5, -1)], "1"),
        ([deal(1, -5, 3)], "1"),
        ([deal(1, -300, -200), deal(2, -30, -1)], "2"),
        ([deal(1, 4), deal(2, 2)], "2"),
        ([deal(1, -9, -2), deal(2, 1)], "1"),
        ([deal(1, 31)], None),
        ([deal(1, 0)], "1"),
        ([deal(9, -5), deal(10, -5)], "10"),
        ([deal(9, 5), deal(10, 5)], "10"),
    ],
)
def test_the_deal_is_chosen_by_the_calls_time(deals: list[CrmDeal], chosen: str | None) -> None:
    found = choose_deal(deals, CALL_AT)
    assert (found and found.deal_id) == chosen


@given(DEALS, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(deals: list[CrmDeal], dice: object) -> None:
    shuffled = list(deals)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose_deal(shuffled, CALL_AT) == choose_deal(deals, CALL_AT)


@given(DEALS)
def test_no_open_deal_made_before_the_call_is_passed_over(deals: list[CrmDeal]) -> None:
    found = choose_deal(deals, CALL_AT)
    open_then = [one for one in deals if one.is_open_at(CALL_AT)]
    if open_then:
        assert found in open_then
        assert found is not None
        assert all(one.created_at <= found.created_at for one in open_then)
    elif any(one.created_at <= CALL_AT for one in deals):
        assert found is not None
        assert found.created_at <= CALL_AT
    elif found is not None:
        assert found.created_at - CALL_AT <= MADE_AFTERWARDS


@given(DEALS, DEALS)
def test_a_deal_that_is_not_chosen_changes_nothing_when_it_goes(deals: list[CrmDeal], others: list[CrmDeal]) -> None:
    known = {one.deal_id: one for one in [*others, *deals]}
    found = choose_deal(known.values(), CALL_AT)
    if found is not None:
        kept = [one for one in deals if one.deal_id != found.deal_id and known[one.deal_id] is one]
        assert choose_deal([*kept, found], CALL_AT) == found


HUBSPOTS = CrmDeal(
    "1", CALL_AT, stage="Negotiation", amount=5.0, currency="EUR", owner="Ada Ray", outcome=Outcome.OPEN, company_id="7"
)
COMPANY = CrmCompany("7", "Brightwater", 900, "FOOD")


def test_a_call_without_context_gets_all_of_it_from_one_source() -> None:
    told = completed(call(deal=None), HUBSPOTS, COMPANY, Source.HUBSPOT).deal
    assert told == Deal(
        account="Brightwater",
        stage="Negotiation",
        amount=5.0,
        currency="EUR",
        owner="Ada Ray",
        employees=900,
        industry="FOOD",
        outcome=Outcome.OPEN,
        source=Source.HUBSPOT,
        company_source=Source.HUBSPOT,
    )


def test_two_deals_are_never_mixed() -> None:
    own = Deal(stage="Discovery", source=Source.GONG)
    told = completed(call(deal=own), HUBSPOTS, COMPANY, Source.HUBSPOT).deal
    assert told is not None
    assert (told.stage, told.amount, told.owner, told.currency) == ("Discovery", None, None, None)
    assert (told.source, told.employees, told.company_source) == (Source.GONG, 900, Source.HUBSPOT)


def test_what_the_calls_own_record_says_of_the_company_stays() -> None:
    own = Deal(account="Brightwater Foods", employees=850, company_source=Source.GONG)
    told = completed(call(deal=own), HUBSPOTS, COMPANY, Source.HUBSPOT).deal
    assert told is not None
    assert (told.account, told.employees, told.company_source) == ("Brightwater Foods", 850, Source.GONG)
    assert (told.stage, told.source) == ("Negotiation", Source.HUBSPOT)


def test_a_source_that_knows_nothing_changes_nothing() -> None:
    bare = call(deal=None)
    assert completed(bare, None, None, Source.HUBSPOT) is bare
    assert completed(bare, None, CrmCompany("7"), Source.HUBSPOT) is bare


@pytest.mark.parametrize(
    ("own", "lacks"),
    [
        (None, True),
        (DEAL, False),
        (replace(DEAL, employees=None), True),
        (Deal(employees=5), True),
        (Deal(owner="Ada Ray", employees=5), False),
    ],
)
def test_a_call_lacks_context_without_a_deal_or_a_company_size(own: Deal | None, lacks: bool) -> None:
    assert lacks_context(call(deal=own)) is lacks


def _party(email: str | None, side: Affiliation = Affiliation.EXTERNAL) -> Party:
    return Party(None, "Somebody", None, side, email)


def test_only_customers_addresses_are_looked_up() -> None:
    made = call(
        parties=(
            MAYA,
            TOMAS,
            _party(" TOMAS@Buyer.example "),
            _party("colleague@SELLER.example", Affiliation.UNKNOWN),
            _party("guest@partner.example", Affiliation.UNKNOWN),
            _party(None),
            _party("no address"),
            _party("@nobody.example"),
        )
    )
    assert customer_addresses(made) == ["tomas@buyer.example", "guest@partner.example"]


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("a@buyer.example", "buyer.example"),
        ("a@GMail.com", ""),
        ("a@b@buyer.example", "buyer.example"),
        ("nothing", ""),
    ],
)
def test_an_address_tells_the_company_unless_anybody_can_have_one(address: str, domain: str) -> None:
    assert company_domain(address) == domain
