"""A call as ingest stored it: parties, deal, and sentences with ids that quotes refer to."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from core.errors import Permanent

# The version of the call object that this build reads; ingest writes it into each object.
CALL_OBJECT_VERSION = 1


class UnreadableCall(Permanent):
    """The stored call does not have the shape that was agreed."""

    problem = "unreadable-call"


class Affiliation(enum.StrEnum):
    """Which side of the table a speaker sits on."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Party(Struct, frozen=True):
    """Someone who was on the call."""

    speaker_id: str | None
    name: str
    title: str | None
    affiliation: Affiliation
    email: str | None


class Sentence(Struct, frozen=True):
    """One sentence: `id` is `s1`, `s2`, … in the order of the transcript; times are milliseconds from the call's start."""

    id: str
    speaker_id: str
    speaker: str
    affiliation: Affiliation
    start_ms: int
    end_ms: int
    text: str


class Call(Struct, frozen=True):
    """A call, as much of it as an analysis needs. `deal_source` says who told of the deal; empty where nobody did."""

    call_id: str
    title: str
    duration_seconds: int
    account: str
    segment: str
    rep: str
    rep_email: str | None
    deal: Mapping[str, object]
    parties: tuple[Party, ...]
    sentences: tuple[Sentence, ...]
    deal_source: str = ""

    @property
    def rep_talk_ms(self) -> int:
        """How long the rep spoke; where the rep is not among the speakers, how long the internal side did."""
        return sum(s.end_ms - s.start_ms for s in self.said_by_rep)

    @property
    def said_by_rep(self) -> tuple[Sentence, ...]:
        """What the rep said; where the rep is not among the speakers, what the internal side did."""
        speakers = {p.speaker_id for p in self.parties if self._is_rep(p)} - {None}
        spoken = tuple(s for s in self.sentences if s.speaker_id in speakers)
        return spoken or tuple(s for s in self.sentences if s.affiliation is Affiliation.INTERNAL)

    @property
    def total_talk_ms(self) -> int:
        """How long anyone spoke; pauses do not count."""
        return sum(s.end_ms - s.start_ms for s in self.sentences)

    def _is_rep(self, party: Party) -> bool:
        if self.rep_email and party.email:
            return party.email.casefold() == self.rep_email.casefold()
        return party.name == self.rep


def turns(sentences: Sequence[Sentence]) -> Iterator[tuple[Sentence, ...]]:
    """Stretches of adjacent sentences of one speaker, in order."""
    for _, stretch in groupby(sentences, key=lambda sentence: sentence.speaker_id):
        yield tuple(stretch)


# Who may have told of a deal, in the order in which a report names them.
DEAL_SOURCES = ("gong", "hubspot")

UNKNOWN_REP = "No owner"
UNKNOWN_SEGMENT = "No segment"
UNKNOWN_ACCOUNT = "No account"

_SOURCED = ("stage", "amount", "owner", "employees")

# What the model is told of the deal; nobody's name or address is among it.
_TOLD = ("account", "stage", "amount", "currency", "employees", "industry", "segment", "outcome")


def parse_call(document: object) -> Call:
    """The call in a stored object's JSON. Raises UnreadableCall, which quotes nothing of it."""
    try:
        root = _mapping(document)
        if root["version"] != CALL_OBJECT_VERSION:
            raise UnreadableCall("the stored call has a version that this build cannot read")
        return _call(root)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableCall("the stored call does not have the agreed shape") from error


def _call(root: Mapping[str, object]) -> Call:
    parties = tuple(_party(_mapping(item)) for item in _list(root["parties"]))
    owner = _mapping(root.get("owner") or {})
    deal = _mapping(root.get("deal") or {})
    return Call(
        call_id=_identity(root["call_id"]),
        title=_clean(str(root["title"])) or "Untitled call",
        duration_seconds=int(str(root["duration_seconds"])),
        account=_text(deal.get("account")) or UNKNOWN_ACCOUNT,
        segment=_text(deal.get("segment")) or UNKNOWN_SEGMENT,
        rep=_text(owner.get("name")) or _text(owner.get("email")) or UNKNOWN_REP,
        rep_email=_text(owner.get("email")),
        deal={name: deal[name] for name in _TOLD if deal.get(name) is not None},
        parties=parties,
        sentences=tuple(_sentences(_list(root["sentences"]), parties)),
        deal_source=_deal_source(deal),
    )


def _deal_source(deal: Mapping[str, object]) -> str:
    """Who told of the deal, or else of the company's size. Objects of before there was a second source name none: it was Gong."""
    if "source" not in deal:
        return "gong" if any(deal.get(name) is not None for name in _SOURCED) else ""
    named = deal["source"] or deal.get("company_source")
    return named if isinstance(named, str) and named in DEAL_SOURCES else ""


def _party(item: Mapping[str, object]) -> Party:
    return Party(
        speaker_id=_text(item.get("speaker_id")),
        name=_text(item.get("name")) or "Unknown speaker",
        title=_text(item.get("title")),
        affiliation=_affiliation(item.get("affiliation")),
        email=_text(item.get("email")),
    )


def _sentences(items: Sequence[object], parties: Sequence[Party]) -> Iterator[Sentence]:
    known = {party.speaker_id: party for party in parties if party.speaker_id is not None}
    for number, item in enumerate(map(_mapping, items), start=1):
        speaker_id = _text(item.get("speaker_id")) or ""
        party = known.get(speaker_id)
        yield Sentence(
            id=f"s{number}",
            speaker_id=speaker_id,
            speaker=party.name if party else "Unknown speaker",
            affiliation=party.affiliation if party else Affiliation.UNKNOWN,
            start_ms=int(str(item["start_ms"])),
            end_ms=int(str(item["end_ms"])),
            text=_clean(str(item["text"])),
        )


def _affiliation(value: object) -> Affiliation:
    known = {member.value for member in Affiliation}
    return Affiliation(value) if isinstance(value, str) and value in known else Affiliation.UNKNOWN


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _identity(value: object) -> str:
    """A call's id as it was fetched: text, and some."""
    if not isinstance(value, str) or not value:
        raise TypeError("the call has no id")
    return value


def _text(value: object) -> str | None:
    return _clean(str(value)) or None if value is not None else None


def _clean(text: str) -> str:
    """PostgreSQL stores no NUL, and no transcript means one. Halves of UTF-16 pairs, which JSON can spell, cannot be sent or stored."""
    return (text if text.isascii() else text.encode(errors="replace").decode()).replace("\x00", "")
