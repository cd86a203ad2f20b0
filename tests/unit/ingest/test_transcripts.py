"""Transcripts in a long answer: each is found, read in the order of time, and refused in words that tell the place and no value."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.domain.calls import Sentence, Transcript
from ingest.gong.paging import GongUnreadable
from ingest.gong.transcripts import read_page, read_transcript

PATH = "/v2/calls/transcript"
NAME = "callTranscripts"
TRICKY = ["", "]", '"}],{"', "\\", '\\"', "é 👋🏽 שלום", '{"callTranscripts":[{}]}']

words = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.sampled_from(TRICKY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.just(NAME), inner, max_size=4),
    max_leaves=20,
)
records = st.lists(st.dictionaries(words | st.just(NAME), values, max_size=4), max_size=5)
others = st.dictionaries(words.filter(lambda name: name not in {NAME, "records"}), values, max_size=3)


def read(record: object) -> tuple[str, Transcript]:
    """What is made of a record."""
    return read_transcript(PATH, msgspec.Raw(json.dumps(record).encode()))


@given(records, others, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_record_is_found_and_nothing_else(
    given_records: list[dict[str, object]], more: dict[str, object], escaped: bool
) -> None:
    body = {**more, "records": {"totalRecords": 7, "cursor": "c"}, NAME: given_records, "last": 1}
    page = read_page(PATH, json.dumps(body, ensure_ascii=escaped).encode())
    assert [json.loads(bytes(record)) for record in page.call_transcripts] == given_records
    assert (page.cursor, page.records.total_records) == ("c", 7)


@given(st.binary(max_size=200) | st.text('{}[]",: \\ab').map(str.encode))
@settings(max_examples=300, deadline=None)
def test_what_is_no_json_is_never_taken_for_some(tail: bytes) -> None:
    body = b'{"records":{},"callTranscripts":[' + tail
    try:
        page = read_page(PATH, body)
    except GongUnreadable:
        return
    assert json.loads(body)[NAME] == [json.loads(bytes(record)) for record in page.call_transcripts]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"records":{},"callTranscripts":[{"text":"' + b'a\\"' * 2_000_000, id="a string without an end"),
        pytest.param(b'{"records":{},"callTranscripts":[' + b"[" * 1_000_000, id="too deep"),
        pytest.param(b'{"records":{}}', id="no transcripts"),
        pytest.param(b'{"records":{},"callTranscripts":null}', id="null for transcripts"),
        pytest.param(b'{"callTranscripts":[]}', id="no records"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_page_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(GongUnreadable, match=f"answer to {PATH} cannot be read: "):
        read_page(PATH, body)


def test_the_sentences_are_read_in_the_order_of_time_and_empty_ones_are_left_out() -> None:
    monologues = [
        {"speakerId": "b", "topic": "x", "sentences": [{"start": 500, "end": 100, "text": " Later. "}]},
        {
            "speakerId": "a",
            "sentences": [{"start": 0, "end": 400, "text": "First."}, {"start": 1, "end": 2, "text": " "}],
        },
        {"speakerId": "c"},
        {"speakerId": None, "sentences": None},
    ]
    call_id, spoken = read({"callId": "7", "transcript": monologues, "new": {}})
    assert call_id == "7"
    assert spoken == (Sentence("a", 0, 400, "First."), Sentence("b", 500, 500, "Later."))
    assert read({"callId": "7"}) == read({"callId": "7", "transcript": None}) == ("7", ())


def test_ids_that_are_numbers_and_numbers_that_are_text_are_read() -> None:
    sentences = [{"start": "5", "end": 6.0, "text": "Hm"}]
    record = {"callId": 77823422740259378951, "transcript": [{"speakerId": 12, "sentences": sentences}]}
    assert read(record) == ("77823422740259378951", (Sentence("12", 5, 6, "Hm"),))


@pytest.mark.parametrize(
    ("sentence", "place"),
    [
        ({"start": -1, "end": 2, "text": "SECRET"}, "start"),
        ({"start": "SECRET", "end": 2, "text": "SECRET"}, "start"),
        ({"start": 1, "end": 2.5, "text": "SECRET"}, "end"),
        ({"start": 1, "end": 2, "text": None}, "text"),
        ({"start": 1, "text": "SECRET"}, "end"),
        ({"start": True, "end": 2, "text": "SECRET"}, "start"),
    ],
    ids=["before the call", "no number", "half a millisecond", "no text", "no end", "a boolean"],
)
def test_a_sentence_of_another_shape_is_refused_by_its_place_and_without_its_words(
    sentence: dict[str, object], place: str
) -> None:
    right = {"start": 0, "end": 1, "text": "SECRET"}
    with pytest.raises(GongUnreadable) as refusal:
        read({"callId": "7", "transcript": [{"sentences": [right]}, {"sentences": [right, right, sentence]}]})
    told = str(refusal.value)
    assert f" transcript[1].sentences[2].{place} (" in told
    assert "SECRET" not in told
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("record", [b'{"callId":"\xff"}', rb'{"callId":"\ud800"}', b'{"callId":"7"', b"7", b"{}"])
def test_a_record_that_is_none_is_refused(record: bytes) -> None:
    with pytest.raises(GongUnreadable):
        read_transcript(PATH, msgspec.Raw(record))
