"""A file that people write in YAML, and its twin in JSON beside it, which a process reads.

What reads YAML takes as long to load as what speaks to Pub/Sub. The twin holds the SHA-256 of the text that it was made of: where that is
not the text of now, the text is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

_OF, _CONTENT = "of", "content"


def content_of(text: str, twin: str, parse: Callable[[str], object]) -> object:
    """What stands in `text`: of its `twin` where it is the twin of this very text ("" where there is none), else what `parse` reads.

    Raises ValueError for a twin that is no JSON.
    """
    found = json.loads(twin) if twin else {}
    if isinstance(found, dict) and found.get(_OF) == _sum(text):
        return found.get(_CONTENT)
    return parse(text)


def twin_of(text: str, content: object) -> str:
    """The twin of `text`, in which `content` stands; days are told as 2026-11-23."""
    return json.dumps({_OF: _sum(text), _CONTENT: content}, indent=1, ensure_ascii=False, default=str) + "\n"


def twin_beside(path: Path) -> Path:
    """Where the twin of the file at `path` is."""
    return path.with_suffix(".json")


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
