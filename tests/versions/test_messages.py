"""Messages both ways: the previous release reads what today's code publishes, and the other way round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.messages.golden import FOLDER, event_of, payload_of
from contracts import MESSAGES, attributes_of, unpack
from local.stack.instances import Code

ELSEWHERE = Path(__file__).with_name("elsewhere.py")


@pytest.fixture(scope="module")
def theirs(previous: Code) -> dict[str, Any]:
    """What the previous release makes of today's messages, and its own."""
    attributes = {path.stem: attributes_of(event_of(payload_of(path))) for path in FOLDER.glob("*.txt")}
    path = f"{previous.environment()['PYTHONPATH']}{os.pathsep}{previous.root / 'tests'}"
    command = [sys.executable, str(ELSEWHERE), str(FOLDER), json.dumps(attributes)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, cwd=previous.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_previous_release_reads_what_today_is_published(theirs: dict[str, Any]) -> None:
    assert len(theirs["read"]) > 20
    for stem, payload in theirs["read"].items():
        ours = payload_of(FOLDER / f"{stem}.txt")
        # Fields that it does not know stay in the bytes and change nothing else.
        assert type(ours).FromString(bytes.fromhex(payload)) == ours, stem


def test_what_the_previous_release_publishes_is_read_today(theirs: dict[str, Any]) -> None:
    assert set(theirs["written"]) <= set(MESSAGES), "a message is gone that others may still publish"
    for name, body in theirs["written"].items():
        event = unpack(bytes.fromhex(body), theirs["attributes"][name])
        assert event.type == name
        assert event.payload.ListFields()
