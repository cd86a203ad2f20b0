"""Calls as ingest stores them, and what damaged ones lead to."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.domain.transcript import Affiliation, UnreadableCall, parse_call


def document(**changes: object) -> dict[str, Any]:
    return {
        "version": 1,
        "call_id": "77",
        "title": "Discovery",
        "started_at": "2026-11-02T15:30:00Z",
        "duration_seconds": 60,
        "parties": [
            {"speaker_id": "1", "name": "Maya", "affiliation": "internal", "email": "Maya@seller.example"},
            {"speaker_id": "2", "name": "Ada", "affiliation": "internal", "email": "ada@seller.example"},
            {"speaker_id": "3", "name": "Tomás", "affiliation": "external", "email": None},
            {"speaker_id": None, "name": "Silent", "affiliation": "bystander"},
        ],
        "owner": {"name": "Maya", "email": "maya@seller.example"},
        "deal": {"account": "Acme", "amount": 10.0, "segment": "SMB", "owner": "Maya"},
        "sentences": [
            {"speaker_id": "1", "start_ms": 0, "end_ms": 1000, "text": "Hello.\u0000"},
            {"speaker_id": "2", "start_ms": 1000, "end_ms": 3000, "text": "Hi."},
            {"speaker_id": "3", "start_ms": 3000, "end_ms": 9000, "text": "Good morning."},
            {"speaker_id": "9", "start_ms": 9000, "end_ms": 10000, "text": "Who am I?"},
        ],
    } | changes


def test_sentences_are_numbered_and_named_by_the_parties() -> None:
    call = parse_call(document())
    assert [(s.id, s.speaker, s.affiliation) for s in call.sentences] == [
        ("s1", "Maya", Affiliation.INTERNAL),
        ("s2", "Ada", Affiliation.INTERNAL),
        ("s3", "Tomás", Affiliation.EXTERNAL),
        ("s4", "Unknown speaker", Affiliation.UNKNOWN),
    ]
    assert call.sentences[0].text == "Hello."
    assert (call.rep, call.segment, call.account) == ("Maya", "SMB", "Acme")
    assert "owner" not in call.deal


def test_the_reps_talk_is_the_owners_or_else_the_internal_sides() -> None:
    assert (parse_call(document()).rep_talk_ms, parse_call(document()).total_talk_ms) == (1000, 10000)
    assert parse_call(document(owner=None)).rep_talk_ms == 3000
    assert parse_call(document(owner=None)).rep == "No owner"
    assert parse_call(document(deal=None)).segment == "No segment"


def test_what_cannot_be_sent_or_stored_is_taken_out_of_the_words() -> None:
    said = {"speaker_id": "1", "start_ms": 0, "end_ms": 1, "text": "half \ud800 a pair\x00, café"}
    [sentence] = parse_call(document(sentences=[said])).sentences
    assert sentence.text == "half ? a pair, café"
    sentence.text.encode()


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "x",
        {},
        document(version=2),
        document(parties=None),
        document(sentences="no"),
        document(call_id=""),
        document(call_id=None),
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(broken: object) -> None:
    with pytest.raises(UnreadableCall):
        parse_call(broken)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(document())), json_values)
def test_any_damage_is_either_harmless_or_unreadable(field: str, value: object) -> None:
    with suppress(UnreadableCall):
        assert parse_call(document() | {field: value}).call_id


@pytest.mark.parametrize(
    ("deal", "source"),
    [
        (None, ""),
        ({"stage": "Won", "source": "hubspot", "company_source": "gong"}, "hubspot"),
        ({"employees": 5, "source": None, "company_source": "hubspot"}, "hubspot"),
        ({"account": "Acme", "source": None, "company_source": None}, ""),
        ({"stage": "Won", "source": "another-crm"}, ""),
        ({"stage": "Won"}, "gong"),
        ({"account": "Acme"}, ""),
    ],
)
def test_who_told_of_the_deal(deal: dict[str, object] | None, source: str) -> None:
    assert parse_call(document(deal=deal)).deal_source == source
