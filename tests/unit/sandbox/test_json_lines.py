"""Reading conversations from JSON Lines: dealt in turn, dated where undated, faults named with their line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from local.sandbox.corpus.calls import CallFileError
from local.sandbox.corpus.json_lines import read_json_lines

TODAY = date(2026, 3, 14)
WORKSPACES = ("harborline", "quillstone")


def line(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"talk-{number}",
        "source": "somewhere",
        "licence": "MIT",
        "title": f"Talk {number}",
        "started_at": None,
        "parties": [{"speaker_id": "s0", "name": "Analyst 1", "affiliation": "Unknown"}],
        "sentences": [{"speaker_id": "s0", "start_ms": 10, "end_ms": 900, "text": "Hello there."}],
        **changes,
    }


def write(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "talks.jsonl"
    path.write_text("\n".join(json.dumps(entry) for entry in lines), "utf-8")
    return path


def test_conversations_are_dealt_in_turn_and_dated(tmp_path: Path) -> None:
    calls = read_json_lines(write(tmp_path, *(line(number) for number in range(30))), WORKSPACES, TODAY)
    assert [call.workspace for call in calls[:3]] == ["harborline", "quillstone", "harborline"]
    ages = [(TODAY - call.started_at.date()).days for call in calls]
    assert (min(ages), max(ages)) == (1, 27)
    assert calls[0].attribution == "somewhere; MIT"
    assert calls[0].deal is None
    assert (calls[0].sentences[0].start_ms, calls[0].duration_ms) == (10, 900)


def test_a_given_date_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, line(1, started_at="2026-03-01T09:00:00"))
    assert read_json_lines(path, WORKSPACES, TODAY)[0].started_at.isoformat() == "2026-03-01T09:00:00+00:00"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"title": None}, "title"),
        ({"parties": []}, "no party has"),
        ({"parties": [{"speaker_id": "s0", "name": "A", "affiliation": "Friend"}]}, "affiliation"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, bad: dict[str, object], words: str) -> None:
    with pytest.raises(CallFileError, match=r"talks\.jsonl, line 2") as fault:
        read_json_lines(write(tmp_path, line(1), line(2, **bad)), WORKSPACES, TODAY)
    assert words in str(fault.value)


def test_a_missing_file_says_where_its_name_came_from(tmp_path: Path) -> None:
    with pytest.raises(CallFileError, match="CALLMINE_SANDBOX_CALLS"):
        read_json_lines(tmp_path / "absent.jsonl", WORKSPACES, TODAY)
