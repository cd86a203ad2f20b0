"""Reads conversations from a JSON Lines file: one object a line with parties and timed sentences.

Fields used: ``id``, ``title``, ``started_at`` (ISO 8601 or null), ``source``, ``licence``,
``parties[{speaker_id, name, affiliation}]``, ``sentences[{speaker_id, start_ms, end_ms, text}]``. Such conversations carry
no deal. They go to the workspaces in turn; one without a start date gets one within the last 27 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from local.sandbox.corpus.calls import Affiliation, CallFileError, Party, RecordedCall, Sentence
from local.sandbox.corpus.identifiers import numeric_id

SPREAD_DAYS = 27
"""Undated conversations start on the last so many days before today, so that a 30-day window holds them all."""


class _PartyLine(BaseModel):
    speaker_id: str
    name: str
    affiliation: Affiliation


class _SentenceLine(BaseModel):
    speaker_id: str
    start_ms: int
    end_ms: int
    text: str


class _Conversation(BaseModel):
    id: str
    title: str
    source: str = ""
    licence: str = ""
    started_at: datetime | None = None
    parties: list[_PartyLine]
    sentences: list[_SentenceLine]


def read_json_lines(path: Path, workspaces: Sequence[str], today: date) -> list[RecordedCall]:
    """All conversations of the file, dealt to ``workspaces`` in turn. Raises :class:`CallFileError` with the line."""
    conversations = [_parse(path, number, line) for number, line in _lines(path)]
    return [
        _call(conversation, workspaces[index % len(workspaces)], _spread(index, len(conversations), today))
        for index, conversation in enumerate(conversations)
    ]


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise CallFileError(f"cannot read {path.name}: {error.strerror}; CALLMINE_SANDBOX_CALLS names it") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _parse(path: Path, number: int, line: str) -> _Conversation:
    try:
        conversation = _Conversation.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "line"
        raise CallFileError(f"{path.name}, line {number}: {place}: {first['msg']}") from error
    known = {party.speaker_id for party in conversation.parties}
    if any(sentence.speaker_id not in known for sentence in conversation.sentences):
        raise CallFileError(f"{path.name}, line {number}: a sentence has a speaker_id that no party has")
    return conversation


def _spread(index: int, count: int, today: date) -> datetime:
    days_ago = 1 + index * SPREAD_DAYS // max(count, 1)
    return datetime.combine(today - timedelta(days=days_ago), time(8 + index % 9, 30 * (index % 2)), UTC)


def _call(line: _Conversation, workspace: str, undated: datetime) -> RecordedCall:
    speakers = {party.speaker_id: numeric_id("speaker", line.id, party.speaker_id) for party in line.parties}
    started = line.started_at or undated
    return RecordedCall(
        call_id=numeric_id("call", line.id),
        workspace=workspace,
        title=line.title,
        started_at=started if started.tzinfo else started.replace(tzinfo=UTC),
        parties=tuple(_party(line.id, party, speakers[party.speaker_id]) for party in line.parties),
        sentences=tuple(
            Sentence(speakers[spoken.speaker_id], spoken.start_ms, spoken.end_ms, spoken.text)
            for spoken in line.sentences
        ),
        deal=None,
        attribution="; ".join(part for part in (line.source, line.licence) if part),
    )


def _party(conversation: str, party: _PartyLine, speaker_id: str) -> Party:
    internal = party.affiliation is Affiliation.INTERNAL
    return Party(
        party_id=numeric_id("party", conversation, party.speaker_id),
        speaker_id=speaker_id,
        name=party.name,
        title="",
        affiliation=party.affiliation,
        email=None,
        user_id=numeric_id("user", conversation, party.speaker_id) if internal else None,
    )
