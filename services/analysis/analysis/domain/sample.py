"""Some of the calls that a preview has counted, as ingest stored them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from core.errors import Permanent

# The version of the sample that this build reads; ingest writes it into each object.
SAMPLE_VERSION = 1

# Of calls, and of the people of one: no page shows more, whatever the object holds.
MOST_SHOWN = 10
MOST_PEOPLE = 12


class UnreadableSample(Permanent):
    """The stored sample does not have the shape that was agreed."""

    problem = "unreadable-sample"


class StoredSample(Struct, frozen=True):
    """Where a sample's object is."""

    object_name: str
    sha256: str


class SampledCall(Struct, frozen=True):
    """One call; `owner` led it, `stage` is its deal's, both empty where nobody says."""

    title: str
    started_at: datetime
    duration_seconds: int
    owner: str
    stage: str
    participants: tuple[str, ...]
    more_participants: int


def parse_sample(document: object) -> tuple[SampledCall, ...]:
    """The calls of a stored sample, newest first. Raises UnreadableSample."""
    if not isinstance(document, Mapping) or document.get("version") != SAMPLE_VERSION:
        raise UnreadableSample("the stored sample is of a version that this build does not read")
    calls = document.get("calls")
    if not isinstance(calls, list):
        raise UnreadableSample("the stored sample lists no calls")
    try:
        return tuple(_call(call) for call in calls[:MOST_SHOWN])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableSample("a call of the stored sample lacks something") from error


def _call(call: Mapping[str, object]) -> SampledCall:
    people = call["participants"]
    if not isinstance(people, list):
        raise TypeError("participants are a list")
    started_at = datetime.fromisoformat(str(call["started_at"]))
    if started_at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return SampledCall(
        title=str(call["title"]),
        started_at=started_at,
        duration_seconds=int(str(call["duration_seconds"])),
        owner=str(call.get("owner") or ""),
        stage=str(call.get("stage") or ""),
        participants=tuple(str(name) for name in people[:MOST_PEOPLE]),
        more_participants=int(str(call["more_participants"])) + max(0, len(people) - MOST_PEOPLE),
    )
