"""What the documents point to is there: a claim that names its test is worth as much as the test."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from house.projects import ROOT

FOLDERS = ("", "docs", "docs/decisions", "docs/runbooks", "deploy/terraform")
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))

# In backquotes or as plain words: a path below one of the project's folders, or a file of Python or SQL by the end of its path.
_PATH = re.compile(r"(?:\b(?:tests|libs|services|deploy|docs|proto)/[\w./*-]*[\w*])|(?:\b[\w/-]+\.(?:py|sql)\b)")
_ADDRESS = re.compile(r"\$[A-Z]+/\S+")


@cache
def _everything() -> tuple[str, ...]:
    folders = ("tests", "libs", "services", "deploy", "docs", "proto")
    return tuple(f"/{path.relative_to(ROOT)}" for folder in folders for path in (ROOT / folder).rglob("*"))


def _is_there(path: str) -> bool:
    if "*" in path:
        return any(ROOT.glob(path))
    return (ROOT / path).exists() or any(known.endswith((f"/{path}", f"/{path}.md")) for known in _everything())


def _missing(text: str) -> list[str]:
    """The paths in `text` that lead nowhere; NNNN stands for a number, and the beginning of a name for its file. Addresses are none."""
    named = {path for path in _PATH.findall(_ADDRESS.sub("", text)) if "NNNN" not in path}
    return sorted(path for path in named if not _is_there(path) and not any(ROOT.glob(f"{path}*")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_named_exists(document: Path) -> None:
    assert _missing(document.read_text()) == []


def test_a_path_that_is_gone_is_found() -> None:
    assert _missing("held by `tests/architecture/test_of_nothing.py`, see libs/nowhere") == [
        "libs/nowhere",
        "tests/architecture/test_of_nothing.py",
    ]
    assert _missing("`test_documents.py`, tests/architecture, docs/decisions/0009") == []
