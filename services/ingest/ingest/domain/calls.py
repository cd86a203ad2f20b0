"""A recorded call as the rest of Callmine sees it, whatever provider it came from."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NewType, cast

from msgspec import Struct
from msgspec.structs import asdict

CallId = NewType("CallId", str)
"""The provider's id of a call; for Gong up to 20 digits, never a number."""


class Affiliation(enum.StrEnum):
    """On whose side somebody is."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Outcome(enum.StrEnum):
    """How the deal stands."""

    WON = "won"
    LOST = "lost"
    OPEN = "open"


class Source(enum.StrEnum):
    """Who told of the deal."""

    GONG = "gong"
    HUBSPOT = "hubspot"


class Party(Struct, frozen=True):
    """Somebody invited to the call; `speaker_id` is None for who said nothing."""

    speaker_id: str | None
    name: str
    title: str | None
    affiliation: Affiliation
    email: str | None


class Owner(Struct, frozen=True):
    """The seller's person who led the call."""

    name: str
    email: str | None


class Deal(Struct, frozen=True):
    """What the CRM says of the deal the call belongs to; None where it says nothing.

    `source` told the stage, the amount and the owner, `company_source` how many employees; None where nobody did.
    """

    account: str | None = None
    stage: str | None = None
    amount: float | None = None
    currency: str | None = None
    owner: str | None = None
    employees: int | None = None
    industry: str | None = None
    segment: str | None = None
    outcome: Outcome | None = None
    source: Source | None = None
    company_source: Source | None = None


class Call(Struct, frozen=True):
    """A call without what was said."""

    call_id: CallId
    title: str
    started_at: datetime
    duration_seconds: int
    url: str | None
    direction: str
    scope: str
    is_private: bool
    parties: tuple[Party, ...]
    owner: Owner | None
    deal: Deal | None


class Sentence(NamedTuple):
    """One sentence; times in milliseconds from the start of the call. There are hundreds in a call, hence the light type."""

    speaker_id: str
    start_ms: int
    end_ms: int
    text: str


Transcript = tuple[Sentence, ...]
Metadata = Mapping[str, object]


class CallObject(Struct, frozen=True):
    """What is stored of a call: `name` is below the workspace's folder."""

    name: str
    content: bytes


def described(call: Call) -> Metadata:
    """The metadata of `call` as plain data: all that Callmine reads of it, except whether it is private."""
    return {
        "call_id": call.call_id,
        "title": call.title,
        "started_at": call.started_at.astimezone(UTC).isoformat(),
        "duration_seconds": call.duration_seconds,
        "url": call.url,
        "direction": call.direction,
        "scope": call.scope,
        "parties": [asdict(party) for party in call.parties],
        "owner": asdict(call.owner) if call.owner else None,
        "deal": asdict(call.deal) if call.deal else None,
    }


def call_of(metadata: Metadata) -> Call:
    """The call that `described` described; it was not private."""
    plain = cast("dict[str, Any]", metadata)
    return Call(
        call_id=CallId(plain["call_id"]),
        title=plain["title"],
        started_at=datetime.fromisoformat(plain["started_at"]),
        duration_seconds=plain["duration_seconds"],
        url=plain["url"],
        direction=plain["direction"],
        scope=plain["scope"],
        is_private=False,
        parties=tuple(
            Party(one["speaker_id"], one["name"], one["title"], Affiliation(one["affiliation"]), one["email"])
            for one in plain["parties"]
        ),
        owner=Owner(**plain["owner"]) if plain["owner"] else None,
        deal=_deal(plain["deal"]) if plain["deal"] else None,
    )


def _deal(plain: Mapping[str, Any]) -> Deal:
    return Deal(**{**plain, "outcome": Outcome(plain["outcome"]) if plain["outcome"] else None})
