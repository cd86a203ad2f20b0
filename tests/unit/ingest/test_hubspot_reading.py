"""HubSpot's properties, all of them text, and its limits' headers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.domain.calls import Outcome
from ingest.hubspot.limits import wait_after, wait_asked_for
from ingest.hubspot.models import AssociationsPage, ObjectData, OwnerData, PipelineData, StageData
from ingest.hubspot.reading import (
    Names,
    contact_addresses,
    contact_company,
    owner_names,
    read_company,
    read_deal,
    stage_labels,
)

MADE = datetime(2026, 3, 1, 8, tzinfo=UTC)
NAMES = Names({"42": "Ada Ray"}, {("default", "s1"): "Discovery", ("renewals", "s1"): "Renewal"})


def record(**properties: str | None) -> ObjectData:
    return ObjectData.model_validate({"id": "1", "properties": properties, "createdAt": MADE})


def test_a_deal_is_read_from_text() -> None:
    deal = read_deal(
        record(
            dealstage="s1",
            pipeline="renewals",
            amount="12500.50",
            deal_currency_code="EUR",
            hubspot_owner_id="42",
            createdate="2026-02-01T09:00:00Z",
            closedate="2026-04-01T09:00:00.000Z",
            hs_is_closed="false",
            hs_is_closed_won="false",
            hs_primary_associated_company="77",
        ),
        NAMES,
    )
    assert (deal.stage, deal.amount, deal.currency, deal.owner) == ("Renewal", 12500.5, "EUR", "Ada Ray")
    assert (deal.company_id, deal.outcome) == ("77", Outcome.OPEN)
    assert deal.created_at == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert deal.closed_at is None


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"hs_is_closed": "true", "hs_is_closed_won": "true", "dealstage": "x"}, Outcome.WON),
        ({"hs_is_closed": "true", "hs_is_closed_won": "false", "dealstage": "x"}, Outcome.LOST),
        ({"hs_is_closed": "false", "dealstage": "x"}, Outcome.OPEN),
        ({"dealstage": "closedwon"}, Outcome.WON),
        ({"dealstage": "closedlost"}, Outcome.LOST),
        ({"dealstage": "x"}, Outcome.OPEN),
        ({}, None),
    ],
)
def test_how_a_deal_stands(told: dict[str, str | None], outcome: Outcome | None) -> None:
    assert read_deal(record(**told), NAMES).outcome is outcome


@pytest.mark.parametrize("amount", ["", "much", "nan", "inf", None])
def test_an_amount_that_is_no_number_is_none(amount: str | None) -> None:
    assert read_deal(record(amount=amount), NAMES).amount is None


def test_unknown_stages_and_owners_keep_their_ids() -> None:
    deal = read_deal(record(dealstage="gone", pipeline="default", hubspot_owner_id="7"), NAMES)
    assert (deal.stage, deal.owner) == ("gone", "7")


def test_dates_may_be_milliseconds_or_missing() -> None:
    closed = read_deal(record(createdate="1772355600000", closedate="", hs_is_closed="true"), NAMES)
    assert closed.created_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert closed.closed_at == closed.created_at
    assert read_deal(record(createdate="yesterday"), NAMES).created_at == MADE


def test_companies_contacts_owners_and_stages() -> None:
    company = read_company(record(name=" Brightwater ", numberofemployees="850", industry=None))
    assert (company.name, company.employees, company.industry) == ("Brightwater", 850, None)
    assert read_company(record(numberofemployees="-1")).employees is None
    contact = record(email="Tomas@Buyer.example", hs_additional_emails="t@buyer.example; ", associatedcompanyid="9")
    assert contact_addresses(contact) == {"tomas@buyer.example", "t@buyer.example"}
    assert contact_company(contact) == "9"
    assert contact_company(record()) == ""
    owners = [
        OwnerData.model_validate({"id": "1", "firstName": "Ada", "lastName": "Ray"}),
        OwnerData(id="2", email="queue@seller.example"),
        OwnerData(id="3"),
    ]
    assert owner_names(owners) == {"1": "Ada Ray", "2": "queue@seller.example"}
    pipelines = [PipelineData(id="default", stages=[StageData(id="s1", label="Discovery")])]
    assert stage_labels(pipelines) == {("default", "s1"): "Discovery"}


@pytest.mark.parametrize("other", ['"5"', "5"])
def test_an_associations_end_may_be_text_or_a_number(other: str) -> None:
    page = AssociationsPage.model_validate_json(
        f'{{"results": [{{"from": {{"id": "1"}}, "to": [{{"toObjectId": {other}}}]}}]}}'
    )
    assert page.results[0].to[0].to_object_id == "5"


REMAINING, INTERVAL = "x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-interval-milliseconds"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({REMAINING: "0", INTERVAL: "10000"}, 10.0),
        ({REMAINING: "1", INTERVAL: "10000"}, 0.0),
        ({REMAINING: "0"}, 0.0),
        ({REMAINING: "none", INTERVAL: "10000"}, 0.0),
        ({REMAINING: "0", INTERVAL: "86400000"}, 15.0),
        ({}, 0.0),
    ],
)
def test_an_answer_that_leaves_no_requests_is_followed_by_a_pause(headers: dict[str, str], seconds: float) -> None:
    assert wait_after(headers) == seconds


@pytest.mark.parametrize(
    ("policy", "headers", "seconds"),
    [
        ("SECONDLY", {}, 1.0),
        ("TEN_SECONDLY_ROLLING", {}, 10.0),
        ("TEN_SECONDLY_ROLLING", {"retry-after": "3"}, 3.0),
        ("", {}, 1.0),
        ("", {"retry-after": "3600"}, None),
        ("DAILY", {"retry-after": "1"}, None),
        ("SECONDLY", {"retry-after": "soon"}, 1.0),
    ],
)
def test_each_policy_has_its_wait(policy: str, headers: dict[str, str], seconds: float | None) -> None:
    assert wait_asked_for(policy, headers) == seconds
