"""Records found in a long answer without decoding it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.gong.slices import sliced

NAME = "callTranscripts"
TRICKY = ["", "]", '"}],{"', "\\", '\\"', "é 👋🏽 שלום", '{"callTranscripts":[{}]}']

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(TRICKY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just(NAME), inner, max_size=4),
    max_leaves=20,
)
records = st.lists(st.dictionaries(st.text() | st.just(NAME), values, max_size=4), max_size=5)


@given(records, st.dictionaries(st.text().filter(lambda name: name != NAME), values, max_size=3), st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_record_is_found_and_nothing_else(
    given_records: list[dict[str, object]], others: dict[str, object], escaped: bool
) -> None:
    body = json.dumps({**others, NAME: given_records, "last": 1}, ensure_ascii=escaped).encode()
    skeleton, places = sliced(body, NAME)
    assert [json.loads(body[start:end]) for start, end in places] == given_records
    assert json.loads(skeleton) == {**others, NAME: [0] * len(given_records), "last": 1}


@given(st.binary(max_size=200) | st.text('{}[]",: \\ab').map(str.encode))
@settings(max_examples=300, deadline=None)
def test_what_is_no_json_is_never_taken_for_some(body: bytes) -> None:
    skeleton, places = sliced(body, NAME)
    try:
        json.loads(skeleton)
        for start, end in places:
            json.loads(body[start:end])
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            json.loads(body)
    else:
        json.loads(body)


def test_a_string_without_an_end_costs_one_pass() -> None:
    body = b'{"callTranscripts":[{"text":"' + b'a\\"' * 2_000_000
    assert sliced(body, NAME) == (body, [])
