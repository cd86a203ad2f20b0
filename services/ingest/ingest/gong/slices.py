"""The records of one long answer, found one at a time: a hundred transcripts at once would be some hundred megabytes of objects.

    skeleton, places = sliced(body, "callTranscripts")
    for start, end in places: one = TranscriptData.model_validate_json(body[start:end])

Nothing is taken on trust: the skeleton, in which each record is a `0`, and the records go through a JSON parser, which so sees every byte.
"""

from __future__ import annotations

import re
from json import JSONDecoder

_BLANK = re.compile(r"[ \t\n\r]*")
_read = JSONDecoder().raw_decode

Places = list[tuple[int, int]]


def sliced(body: bytes, name: str) -> tuple[bytes, Places]:
    """`body` with a 0 for each record in its array called `name`, and from where to where the records stand in `body`.

    What is no JSON object comes back as it is.
    """
    places: Places = []
    try:
        # One character a byte, so that places are the same in both. JSON's own characters are ASCII; what strings hold does not matter.
        _members(body.decode("latin-1"), name, places)
    except (ValueError, RecursionError):
        return body, []
    kept, at = [], 0
    for start, end in places:
        kept.append(body[at:start])
        at = end
    return b"0".join([*kept, body[at:]]), places


def _members(text: str, name: str, places: Places) -> None:
    """Pass over the members of an object and note the records. Raises ValueError where it cannot be read, RecursionError where too deep."""
    at = _past(text, "{", _past_blank(text, 0))
    while not text.startswith("}", at):
        key, end = _read(text, at)
        at = _past(text, ":", _past_blank(text, end))
        at = _records(text, at + 1, places) if key == name and text.startswith("[", at) else _read(text, at)[1]
        at = _next(text, at, "}")


def _records(text: str, at: int, places: Places) -> int:
    """Pass over an array from behind its bracket, and note its elements; where it ends."""
    at = _past_blank(text, at)
    while not text.startswith("]", at):
        # What is read is let go at once: only its end counts.
        end = _read(text, at)[1]
        places.append((at, end))
        at = _next(text, end, "]")
    return at + 1


def _next(text: str, at: int, closing: str) -> int:
    """Where the next element begins, or the closing bracket stands."""
    at = _past_blank(text, at)
    return at if text.startswith(closing, at) else _past(text, ",", at)


def _past(text: str, mark: str, at: int) -> int:
    if not text.startswith(mark, at):
        raise ValueError(f"no {mark}")
    return _past_blank(text, at + 1)


def _past_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None, "it matches nothing as well"  # noqa: S101
    return found.end()
