"""Every message ever released can still be read, and still packs to the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from callmine.audit.v1 import audit_pb2
from contract.messages.golden import FOLDER, event_of, files_of, payload_of, uncovered, write_missing
from contracts import MESSAGES, attributes_of, pack, unpack

TEXTS = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_of_every_message_has_golden_bytes(name: str) -> None:
    assert files_of(name), f"{name} has no golden bytes: run `make golden`"
    assert uncovered(name) == set(), "new fields have no golden bytes: run `make golden`"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_golden_bytes_are_read_as_they_were_meant(path: Path) -> None:
    event = event_of(payload_of(path))
    assert unpack(path.with_suffix(".binpb").read_bytes(), attributes_of(event)) == event


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_same_event_packs_to_the_golden_bytes(path: Path) -> None:
    assert pack(event_of(payload_of(path))) == path.with_suffix(".binpb").read_bytes()


def test_files_come_in_pairs_and_belong_to_a_message() -> None:
    assert {path.stem for path in TEXTS} == {path.stem for path in FOLDER.glob("*.binpb")}
    assert {path.name.rsplit(".", 2)[0] for path in TEXTS} == set(MESSAGES)


def test_what_is_there_is_never_rewritten(tmp_path: Path) -> None:
    assert len(write_missing(tmp_path)) == len(MESSAGES)
    assert write_missing(tmp_path) == []


def test_a_new_field_gets_golden_bytes_of_its_own(tmp_path: Path) -> None:
    name = audit_pb2.AdminAction.DESCRIPTOR.full_name
    write_missing(tmp_path)
    before = (tmp_path / f"{name}.1.txt").read_text()
    shorter = "".join(line for line in before.splitlines(keepends=True) if not line.startswith("target_id"))
    (tmp_path / f"{name}.1.txt").write_text(shorter)
    assert uncovered(name, tmp_path) == {"target_id"}
    assert write_missing(tmp_path) == [f"{name}.2"]
    assert (tmp_path / f"{name}.1.txt").read_text() == shorter
