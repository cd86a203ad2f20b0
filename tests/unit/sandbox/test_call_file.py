"""Reading call files: what a good one becomes, and that a faulty one is named with file and line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from local.sandbox.corpus.call_file import read_call_file
from local.sandbox.corpus.calls import Affiliation, CallFileError, RecordedCall
from local.sandbox.corpus.library import load_library
from local.sandbox.corpus.timing import MS_PER_WORD, split_sentences
from local.sandbox.settings import SHIPPED_CALLS

TODAY = date(2026, 3, 14)
GOOD = """\
title: Brightwater Foods: discovery
started: -12d 15:30          # in UTC
parties:
  rep  | Maya Lindqvist | Account Executive | internal | maya@harborline.example
  cust | Tomás Ferreira | VP Operations | external | tomas@brightwater.example
deal:
  account: Brightwater Foods
  industry: Food manufacturing
  employees: 1,850            # from their site
  stage: Discovery
  amount: 64000
  currency: USD
  segment: Mid-Market
topics: 0=Introduction; 1=Pricing
---
rep: Good morning, Tomás. How are you?

[pause 40s]
cust: Dr. Ruiz asked about 3.5 percent. Fine: what does it cost?
"""


def read(tmp_path: Path, text: str) -> RecordedCall:
    path = tmp_path / "01-brightwater.call"
    path.write_text(text, "utf-8")
    return read_call_file(path, "harborline", TODAY)


def test_a_good_file_becomes_a_call(tmp_path: Path) -> None:
    call = read(tmp_path, GOOD)
    assert call.title == "Brightwater Foods: discovery"
    assert call.started_at == datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
    assert call.deal is not None
    assert (call.deal.employees, call.deal.stage) == (1850, "Discovery")
    assert [party.affiliation for party in call.parties] == [Affiliation.INTERNAL, Affiliation.EXTERNAL]
    assert call.owner is not None
    assert call.owner.name == "Maya Lindqvist"
    assert [party.user_id is None for party in call.parties] == [False, True]
    assert [sentence.text for sentence in call.sentences] == [
        "Good morning, Tomás.",
        "How are you?",
        "Dr. Ruiz asked about 3.5 percent.",
        "Fine: what does it cost?",
    ]
    assert [sentence.topic for sentence in call.sentences] == ["Introduction", "Introduction", "Pricing", "Pricing"]


def test_times_follow_from_words_and_pauses(tmp_path: Path) -> None:
    sentences = read(tmp_path, GOOD).sentences
    assert sentences[0].end_ms - sentences[0].start_ms == 3 * MS_PER_WORD
    assert sentences[2].start_ms - sentences[1].end_ms > 40_000
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(sentences))


def test_ids_are_stable_distinct_and_per_workspace(tmp_path: Path) -> None:
    first, again = read(tmp_path, GOOD), read(tmp_path, GOOD)
    assert first == again
    ids = [first.call_id, *(party.party_id for party in first.parties), *(party.speaker_id for party in first.parties)]
    assert len(set(ids)) == len(ids)
    assert read_call_file(tmp_path / "01-brightwater.call", "quillstone", TODAY).call_id != first.call_id


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("---\n", "", 18, "no line '---'"),
        ("started: -12d 15:30", "started: yesterday", 2, "-12d 15:30"),
        ("-12d 15:30", "-12d 25:30", 2, "time of day"),
        ("title: ", "name: ", 1, "'title:'"),
        (" | internal | maya@harborline.example", "", 4, "key | name"),
        ("external |", "outside |", 5, "'outside'"),
        ("  cust |", "  rep |", 5, "used twice"),
        ("  stage: Discovery\n", "", 7, "stage"),
        ("  stage:", "  phase:", 10, "only the fields"),
        ("64000", "much", 7, "whole number"),
        ("0=Introduction", "start", 14, "0=Introduction"),
        ("cust: Dr.", "boss: Dr.", 19, "speaker key"),
        ("title: Brightwater Foods: discovery\n", "  stray: line\n", 1, "indented"),
        ("title: Brightwater Foods: discovery\n", "nothing\n", 1, "name: value"),
    ],
)
def test_a_faulty_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(CallFileError) as fault:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert f"01-brightwater.call (harborline), line {line}:" in str(fault.value)
    assert words in str(fault.value)


def test_silence_is_no_call(tmp_path: Path) -> None:
    with pytest.raises(CallFileError, match="nobody says anything"):
        read(tmp_path, GOOD.split("---", maxsplit=1)[0] + "---\n")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("About 3.5 percent, e.g. this.", ["About 3.5 percent, e.g. this."]),
        ("He said “stop.” Then left…", ["He said “stop.”", "Then left…"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_every_shipped_call_can_be_read() -> None:
    library = load_library(SHIPPED_CALLS, None, ["harborline", "quillstone"], TODAY)
    calls = [call for calls in library.calls.values() for call in calls]
    assert len({call.call_id for call in calls}) == len(calls) >= 36
    assert all(8 * 60_000 <= call.duration_ms <= 75 * 60_000 for call in calls)
    assert all(1 <= (TODAY - call.started_at.date()).days <= 27 for call in calls)
    assert all(call.deal and call.owner for call in calls)
