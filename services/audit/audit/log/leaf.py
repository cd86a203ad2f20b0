"""What a leaf of a workspace's log commits to. Pure.

An entry's two parts that may tell of a person (its actor; its target with the diff) are in the leaf as commitments,

    SHA-256("callmine-audit-part/v1" LF, salt of 32 bytes, JSON of the part)

so that a part can be erased, with the key its salt was derived from, and the leaf still be computed. The leaf's data is a JSON array of
texts and numbers, written as RFC 8785 writes it: no white space, UTF-8, only what must be escaped is.
"""

from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from hmac import HMAC, new
from json.encoder import encode_basestring

from msgspec import Struct

from audit.domain import Entry
from audit.log.tree import leaf_hash

ENTRY, ERASURE, PART = "callmine-audit-entry/v1", "callmine-audit-erasure/v1", b"callmine-audit-part/v1\n"

# Whose erasure asks for whose fields: kinds of targets that are a person.
PERSONS = frozenset({"member", "invitation", "person", "user"})

# What is nobody's in particular goes with the workspace.
NOBODY = ""

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# A text as JSON writes it. An encoder is made anew for each value that is encoded, which takes longer than the few texts of a leaf do.
_text = encode_basestring


class Part(enum.StrEnum):
    """What of an entry may tell of a person."""

    ACTOR = "actor"
    TARGET = "target"


# What stands in front of an entry's id where a salt is made, by part.
_ACTOR, _TARGET = b"actor\n", b"target\n"


class Recorded(Struct, frozen=True):
    """An entry and when it was recorded."""

    entry: Entry
    recorded_at: datetime


def subject(entry: Entry, part: Part) -> str:
    """Whom a part of the entry tells of; NOBODY where it is no person."""
    if part is Part.ACTOR:
        return NOBODY if entry.actor_kind == "system" else entry.actor_id
    return entry.target_id if entry.target_kind in PERSONS else NOBODY


def salt(key: bytes, entry_id: uuid.UUID, part: Part) -> bytes:
    """The salt of a part: HMAC-SHA-256 under its subject's key, so that nothing is kept for each entry."""
    return _salt(salting(key), entry_id, part)


def salting(key: bytes) -> HMAC:
    """HMAC-SHA-256 with a key in it: one key makes the salts of many entries, and to begin anew for each takes twice as long."""
    return new(key, digestmod="sha256")


def _salt(begun: HMAC, entry_id: uuid.UUID, part: Part) -> bytes:
    mac = begun.copy()
    mac.update((_ACTOR if part is Part.ACTOR else _TARGET) + entry_id.bytes)
    return mac.digest()


def content(entry: Entry, part: Part) -> str:
    """The part's fields, as they are committed to: `[id,email]`, or `[id,[[field,before,after],…]]` in the order of the fields."""
    if part is Part.ACTOR:
        return f"[{_text(entry.actor_id)},{_text(entry.actor_email)}]"
    # A field that is told twice is kept once, as the table does.
    changes = {one.field: one for one in entry.diff}
    told = ",".join(
        [
            f"[{_text(field)},{'null' if before is None else _text(before)},{'null' if after is None else _text(after)}]"
            for field, before, after in (changes[field] for field in sorted(changes))
        ]
    )
    return f"[{_text(entry.target_id)},[{told}]]"


def commitment(key: bytes, entry: Entry, part: Part) -> bytes:
    """What stands for a part in the leaf."""
    return commitment_by(salting(key), entry, part)


def commitment_by(begun: HMAC, entry: Entry, part: Part) -> bytes:
    """The same with what `salting` made of the key, for many entries."""
    return sha256(PART + _salt(begun, entry.id, part) + content(entry, part).encode()).digest()


def entry_leaf(workspace_id: str, recorded: Recorded, actor: bytes, target: bytes) -> bytes:
    """The hash of an entry's leaf, given the commitments to its parts."""
    return leaf_in(workspace_id, timestamp(recorded.recorded_at))(recorded.entry, actor, target)


def leaf_in(workspace_id: str, recorded_at: str) -> Callable[[Entry, bytes, bytes], bytes]:
    """The same for many entries of one workspace that were recorded at one time: what they share is written once."""
    head = f"[{_text(ENTRY)},{_text(workspace_id)},"

    def leaf(entry: Entry, actor: bytes, target: bytes) -> bytes:
        # Ids, times and hashes have nothing in them that JSON would escape.
        told = ",".join(map(_text, (str(entry.type), entry.actor_kind, entry.source, entry.target_kind)))
        occurred_at = timestamp(entry.occurred_at)
        return leaf_hash(
            f'{head}"{entry.id}",{told},"{occurred_at}","{recorded_at}","{actor.hex()}","{target.hex()}"]'.encode()
        )

    return leaf


class Erasure(Struct, frozen=True):
    """What was erased, on which request. `positions` are the first and the last of each run of entries concerned."""

    id: uuid.UUID
    request_id: str
    scope: str
    positions: tuple[tuple[int, int], ...]
    erased_at: datetime

    def covers(self, index: int) -> bool:
        """Whether the entry at this position is concerned."""
        return any(first <= index <= last for first, last in self.positions)


def erasure_leaf(workspace_id: str, erasure: Erasure) -> bytes:
    """The hash of an erasure's leaf."""
    runs = [list(run) for run in erasure.positions]
    at = timestamp(erasure.erased_at)
    data = [ERASURE, workspace_id, str(erasure.id), erasure.request_id, erasure.scope, at, runs]
    return leaf_hash(_json(data).encode())


def timestamp(instant: datetime) -> str:
    """An instant in UTC with microseconds, as RFC 3339 writes it: 2026-03-01T09:00:00.000000Z."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    # Written out: isoformat asks the zone for its offset, which takes longer than all the rest.
    day = f"{instant.year:04}-{instant.month:02}-{instant.day:02}"
    return f"{day}T{instant.hour:02}:{instant.minute:02}:{instant.second:02}.{instant.microsecond:06}Z"


def runs(positions: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Rising positions as first and last of each run."""
    found: list[tuple[int, int]] = []
    for position in positions:
        if found and found[-1][1] == position - 1:
            found[-1] = (found[-1][0], position)
        else:
            found.append((position, position))
    return tuple(found)
