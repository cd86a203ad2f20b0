"""Gong's shapes, as documented, as they grow, and as CRMs bend them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from core.errors import Permanent
from ingest.domain.calls import Affiliation, Outcome, Owner
from ingest.gong.credential import Credential
from ingest.gong.models import CallData
from ingest.gong.reading import read_call

LATER = datetime(2026, 3, 1, tzinfo=UTC)


def call_data(**parts: object) -> CallData:
    meta = {
        "id": "7782342274025937895",
        "started": "2026-03-01T10:30:00.123456-05:00",
        "duration": 61,
        "newField": {"a": 1},
    }
    return CallData.model_validate({"metaData": meta | {"title": "Discovery", "primaryUserId": "u2"}, **parts})


def crm(**kinds: dict[str, object]) -> list[object]:
    objects = [
        {
            "objectType": kind,
            "objectId": "1",
            "timing": "Now",
            "fields": [{"name": n, "value": v} for n, v in fields.items()],
        }
        for kind, fields in kinds.items()
    ]
    return [{"system": "Salesforce", "objects": objects}]


def test_a_call_with_offset_microseconds_and_unknown_fields() -> None:
    call = read_call(call_data(somethingNew=[1, 2]))
    assert (call.call_id, call.duration_seconds, call.title) == ("7782342274025937895", 61, "Discovery")
    assert call.started_at == datetime(2026, 3, 1, 15, 30, 0, 123456, UTC)
    assert (call.parties, call.owner, call.deal, call.is_private) == ((), None, None, False)


def test_the_primary_user_is_the_owner_or_else_the_first_internal_party() -> None:
    parties = [
        {"id": "1", "name": "Guest", "affiliation": "External"},
        {"id": "2", "name": "First", "affiliation": "Internal", "userId": "u1"},
        {"id": "3", "name": "Primary", "affiliation": "Internal", "userId": "u2", "emailAddress": "p@x.example"},
    ]
    assert read_call(call_data(parties=parties)).owner == Owner("Primary", "p@x.example")
    assert read_call(call_data(parties=parties[:2])).owner == Owner("First", None)
    assert read_call(call_data(parties=parties[:1])).owner is None


def test_an_affiliation_of_the_future_is_unknown() -> None:
    party = read_call(call_data(parties=[{"id": "1", "affiliation": "Partner"}])).parties[0]
    assert (party.affiliation, party.name, party.speaker_id) == (Affiliation.UNKNOWN, "Unknown", None)


@pytest.mark.parametrize(
    "bad", [{}, {"id": "1"}, {"id": "../7", "started": "2026-03-01T10:30:00Z"}, {"id": "", "started": "x"}]
)
def test_a_call_without_its_essentials_is_no_call(bad: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CallData.model_validate({"metaData": bad})


def test_the_deal_in_salesforces_words() -> None:
    deal = read_call(
        call_data(
            context=crm(
                Opportunity={"StageName": "Negotiation", "Amount": 64000, "CurrencyIsoCode": "USD", "IsClosed": False},
                Account={"Name": "Brightwater", "NumberOfEmployees": 850, "Industry": "Food"},
            )
        )
    ).deal
    assert deal is not None
    assert (deal.stage, deal.amount, deal.currency, deal.outcome) == ("Negotiation", 64000.0, "USD", Outcome.OPEN)
    assert (deal.account, deal.employees, deal.industry) == ("Brightwater", 850, "Food")


def test_the_deal_in_hubspots_words_and_types() -> None:
    deal = read_call(
        call_data(
            context=crm(
                Opportunity={"dealstage": "closedwon", "amount": "64,000.50", "deal_currency_code": "EUR"},
                Account={"name": "Brightwater", "numberofemployees": "850"},
            )
        )
    ).deal
    assert deal is not None
    assert (deal.amount, deal.currency, deal.employees, deal.outcome) == (64000.5, "EUR", 850, Outcome.WON)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"StageName": "Closed Lost"}, Outcome.LOST),
        ({"StageName": "Done", "IsClosed": True, "IsWon": False}, Outcome.LOST),
        ({"StageName": "Done", "IsClosed": "true", "IsWon": "true"}, Outcome.WON),
        ({"Amount": 1}, None),
    ],
)
def test_how_the_deal_stands(fields: dict[str, object], outcome: Outcome | None) -> None:
    deal = read_call(call_data(context=crm(Opportunity=fields))).deal
    assert deal is not None
    assert deal.outcome is outcome


@pytest.mark.parametrize("amount", ["NaN", "inf", "much", True, None, [], ""])
def test_an_amount_that_is_none(amount: object) -> None:
    deal = read_call(call_data(context=crm(Opportunity={"Amount": amount}))).deal
    assert deal is not None
    assert deal.amount is None


def test_a_credential_shows_nothing_of_itself() -> None:
    granted = b'{"kind":"basic","access_key":"KEY-1","secret":"SECRET-1","base_url":"https://api.gong.io/"}'
    credential = Credential.parse(granted, LATER)
    assert credential.auth == ("KEY-1", "SECRET-1")
    assert credential.base_url == "https://api.gong.io"
    assert "KEY-1" not in repr(credential) + credential.company
    assert "SECRET-1" not in repr(credential)
    assert credential.redact("no SECRET-1 for KEY-1") == "no … for …"


def test_a_bearer_token_becomes_a_header() -> None:
    credential = Credential.parse(b'{"kind":"bearer","token":"T","base_url":"https://eu.api.gong.io"}', LATER)
    assert (credential.auth, credential.headers) == (None, {"Authorization": "Bearer T"})


@pytest.mark.parametrize(
    "granted",
    [
        b"",
        b"{}",
        b'{"kind":"basic","base_url":"https://x.gong.io"}',
        b'{"kind":"basic","access_key":"SECRET-2","secret":"s","base_url":"http://x"}',
    ],
)
def test_a_credential_that_cannot_be_used_is_refused_without_being_quoted(granted: bytes) -> None:
    with pytest.raises(Permanent) as refusal:
        Credential.parse(granted, LATER)
    assert "SECRET-2" not in str(refusal.value)
