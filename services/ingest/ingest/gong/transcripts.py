"""Transcripts, a hundred in one long answer.

    page = read_page(path, body)
    for record in page.call_transcripts: call_id, transcript = read_transcript(path, record)

A page is cut into its records first, each is decoded when its turn comes: all sentences at once would be some hundred megabytes of objects.
They are most of what Gong sends, so they are decoded by msgspec, in an eighth of the time that pydantic takes; nothing is taken on trust:
the whole answer is checked to be JSON, and each record to be of the shape that Gong documents.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import Annotated, TypeVar

import msgspec

from ingest.domain.calls import CallId, Sentence, Transcript
from ingest.gong.paging import GongUnreadable

Shape = TypeVar("Shape")

_Milliseconds = Annotated[int, msgspec.Meta(ge=0)]


class _Wire(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Only what is used is named; fields that Gong adds are passed over. A number may come as text, and an id as a number."""


class _Records(_Wire, frozen=True):
    total_records: int = 0
    cursor: str | int | None = None


class _Sentence(_Wire, frozen=True):
    """Times in milliseconds from the start of the call."""

    start: _Milliseconds
    end: _Milliseconds
    text: str


class _Monologue(_Wire, frozen=True):
    """What one speaker says on one topic."""

    speaker_id: str | int | None = None
    sentences: list[_Sentence] | None = None


class _Transcript(_Wire, frozen=True):
    """All that was said on one call."""

    call_id: str | int
    transcript: list[_Monologue] | None = None


class TranscriptsPage(_Wire, frozen=True):
    """A page of `/v2/calls/transcript`; the records are as they came, but known to be JSON."""

    records: _Records
    call_transcripts: list[msgspec.Raw]

    @property
    def cursor(self) -> str | None:
        """Where the list goes on."""
        return None if self.records.cursor is None else str(self.records.cursor)


_pages = msgspec.json.Decoder(TranscriptsPage, strict=False)
_transcripts = msgspec.json.Decoder(_Transcript, strict=False)

_sentence = Sentence._make
_start = itemgetter(1)


def read_page(path: str, body: bytes) -> TranscriptsPage:
    """The page in an answer from `path`. Raises GongUnreadable."""
    return _read(path, body, _pages)


def read_transcript(path: str, record: msgspec.Raw) -> tuple[CallId, Transcript]:
    """Whose transcript it is, and its sentences in the order of time; an empty one is left out. Raises GongUnreadable."""
    data = _read(path, record, _transcripts)
    spoken = [
        _sentence((speaker, sentence.start, max(sentence.start, sentence.end), text))
        for monologue in data.transcript or ()
        for speaker in (_text(monologue.speaker_id),)
        for sentence in monologue.sentences or ()
        if (text := sentence.text.strip())
    ]
    spoken.sort(key=_start)
    return CallId(str(data.call_id)), tuple(spoken)


def _text(given: str | int | None) -> str:
    return "" if given is None else str(given)


def _read(path: str, body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise GongUnreadable(f"Gong's answer to {path} cannot be read: {_fault(error)}") from None
    except RecursionError:
        raise GongUnreadable(f"Gong's answer to {path} cannot be read: the body (nested too deeply)") from None


_MISSING = re.compile(r"Object missing required field `(\w+)`")


def _fault(error: msgspec.MsgspecError) -> str:
    """The place, and what is wrong there: msgspec names the types, never the value."""
    what, _, place = str(error).partition(" - at `$")
    place = place.strip(".`")
    missing = _MISSING.fullmatch(what)
    if missing:
        place, what = f"{place}.{missing[1]}".strip("."), "missing"
    return f"{place or 'the body'} ({what})"
