"""Reads the ``.call`` text files: a header, ``---``, and one utterance a line.

    title: Brightwater Foods: discovery call
    started: -12d 15:30
    parties:
      rep  | Maya Lindqvist | Account Executive | internal | maya@harborline.example
    deal:
      account: Brightwater Foods
    topics: 0=Introduction; 14=Pricing
    ---
    rep: Good morning. How is the line running?
    [pause 40s]

Times follow from the number of words (:mod:`.timing`); ids from the file's name (:mod:`.identifiers`). ``crm: hubspot``
says that Gong has not attached the deal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from local.sandbox.corpus.calls import Affiliation, CallFileError, Deal, Party, RecordedCall, Sentence
from local.sandbox.corpus.identifiers import numeric_id
from local.sandbox.corpus.timing import Stopwatch, split_sentences

_STARTED = re.compile(r"-(\d+)d\s+(\d{1,2}):(\d{2})")
_PAUSE = re.compile(r"\[pause\s+(\d+)\s*s\]", re.IGNORECASE)
_BLOCKS = ("parties", "deal")
_DEAL_FIELDS = ("account", "industry", "employees", "stage", "amount", "currency", "segment")
_YES = frozenset({"yes", "true"})
PARTY_COLUMNS = 5


@dataclass(slots=True)
class _Header:
    """The raw header: single values, and the indented lines of its blocks, each with its line number."""

    values: dict[str, tuple[int, str]] = field(default_factory=dict)
    blocks: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    workspace: str
    today: date

    def fault(self, line: int, problem: str) -> CallFileError:
        return CallFileError(f"{self.path.name} ({self.workspace}), line {line}: {problem}")

    def key(self) -> tuple[str, str]:
        return self.workspace, self.path.stem


def read_call_file(path: Path, workspace: str, today: date) -> RecordedCall:
    """One call from one file. ``started: -12d`` counts back from ``today`` (UTC).

    Raises :class:`CallFileError` with file and line for whatever cannot be understood.
    """
    reader = _Reader(path, workspace, today)
    lines = [(number, text.rstrip()) for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1)]
    divider = next((index for index, (_, text) in enumerate(lines) if text == "---"), None)
    if divider is None:
        raise reader.fault(len(lines), "no line '---' between header and conversation")
    header = _read_header(reader, lines[:divider])
    parties = _read_parties(reader, header)
    topics = _read_topics(reader, header)
    sentences = tuple(_read_conversation(reader, lines[divider + 1 :], parties, topics))
    if not sentences:
        raise reader.fault(len(lines), "nobody says anything after '---'")
    return RecordedCall(
        call_id=numeric_id("call", *reader.key()),
        workspace=workspace,
        title=_value(reader, header, "title")[1],
        started_at=_read_start(reader, header),
        parties=tuple(parties.values()),
        sentences=sentences,
        deal=_read_deal(reader, header),
        is_private=header.values.get("private", (0, ""))[1].lower() in _YES,
        in_gong=header.values.get("crm", (0, ""))[1].lower() != "hubspot",
    )


def _read_header(reader: _Reader, lines: list[tuple[int, str]]) -> _Header:
    header = _Header()
    block: str | None = None
    for number, text in lines:
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        if text[0].isspace():
            if block is None:
                raise reader.fault(number, f"an indented line belongs under one of {', '.join(_BLOCKS)}")
            header.blocks[block].append((number, text.strip()))
            continue
        name, colon, value = text.partition(":")
        if not colon:
            raise reader.fault(number, "expected 'name: value'")
        block = name if name in _BLOCKS else None
        if block:
            header.blocks[block] = []
        else:
            header.values[name.strip()] = (number, _without_comment(value))
    return header


def _without_comment(value: str) -> str:
    return re.split(r"\s+#\s", value, maxsplit=1)[0].strip()


def _value(reader: _Reader, header: _Header, name: str) -> tuple[int, str]:
    if name not in header.values or not header.values[name][1]:
        raise reader.fault(1, f"the header has no '{name}:'")
    return header.values[name]


def _read_start(reader: _Reader, header: _Header) -> datetime:
    number, text = _value(reader, header, "started")
    match = _STARTED.fullmatch(text)
    if match is None:
        raise reader.fault(number, "started must look like '-12d 15:30': days before today, time of day in UTC")
    days, hour, minute = (int(part) for part in match.groups())
    try:
        return datetime.combine(reader.today - timedelta(days=days), time(hour, minute), UTC)
    except ValueError as error:
        raise reader.fault(number, f"started names no time of day: {error}") from error


def _read_parties(reader: _Reader, header: _Header) -> dict[str, Party]:
    parties: dict[str, Party] = {}
    for number, text in header.blocks.get("parties", []):
        columns = [column.strip() for column in text.split("|")]
        if len(columns) != PARTY_COLUMNS:
            raise reader.fault(number, "a party is 'key | name | title | internal or external | e-mail'")
        if columns[0] in parties:
            raise reader.fault(number, f"the speaker key '{columns[0]}' is used twice")
        parties[columns[0]] = _party(reader, number, columns)
    if not parties:
        raise reader.fault(1, "the header has no 'parties:' with at least one indented line")
    return parties


def _party(reader: _Reader, number: int, columns: list[str]) -> Party:
    key, name, title, side, email = columns
    try:
        affiliation = Affiliation(side.capitalize())
    except ValueError as error:
        raise reader.fault(number, f"'{side}' is neither internal, external nor unknown") from error
    internal = affiliation is Affiliation.INTERNAL
    return Party(
        party_id=numeric_id("party", *reader.key(), key),
        speaker_id=numeric_id("speaker", *reader.key(), key),
        name=name,
        title=title,
        affiliation=affiliation,
        email=email or None,
        user_id=numeric_id("user", reader.workspace, email.lower()) if internal else None,
    )


def _read_deal(reader: _Reader, header: _Header) -> Deal | None:
    lines = header.blocks.get("deal")
    if not lines:
        return None
    found: dict[str, str] = {}
    for number, text in lines:
        name, colon, value = text.partition(":")
        if not colon or name.strip() not in _DEAL_FIELDS:
            raise reader.fault(number, f"a deal has only the fields {', '.join(_DEAL_FIELDS)}")
        found[name.strip()] = _without_comment(value)
    missing = [name for name in _DEAL_FIELDS if not found.get(name)]
    if missing:
        raise reader.fault(lines[0][0], f"the deal lacks {', '.join(missing)}")
    return Deal(
        account=found["account"],
        industry=found["industry"],
        employees=_whole(reader, lines[0][0], "employees", found["employees"]),
        stage=found["stage"],
        amount=_whole(reader, lines[0][0], "amount", found["amount"]),
        currency=found["currency"],
        segment=found["segment"],
    )


def _whole(reader: _Reader, number: int, name: str, text: str) -> int:
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise reader.fault(number, f"the deal's {name} must be a whole number") from error


def _read_topics(reader: _Reader, header: _Header) -> dict[int, str]:
    number, text = header.values.get("topics", (0, ""))
    topics: dict[int, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        index, equals, name = entry.partition("=")
        if not equals or not index.strip().isdigit():
            raise reader.fault(number, "topics must look like '0=Introduction; 14=Pricing'")
        topics[int(index)] = name.strip()
    return topics


def _read_conversation(
    reader: _Reader, lines: list[tuple[int, str]], parties: dict[str, Party], topics: dict[int, str]
) -> Iterator[Sentence]:
    watch = Stopwatch()
    topic, index = "", 0
    for number, text in lines:
        if not text.strip():
            continue
        pause = _PAUSE.fullmatch(text.strip())
        if pause:
            watch.pause(int(pause.group(1)))
            continue
        key, colon, said = text.partition(":")
        speaker = parties.get(key.strip())
        if not colon or speaker is None:
            raise reader.fault(number, f"expected a speaker key ({', '.join(parties)}), a colon and what is said")
        topic = topics.get(index, topic)
        index += 1
        for sentence in split_sentences(said.strip()):
            start, end = watch.speak(sentence)
            yield Sentence(speaker.speaker_id, start, end, sentence, topic)
        watch.turn()
