"""A call's metadata, packed to be kept while its transcript is fetched: a few hundred bytes instead of a few dozen objects."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ingest.domain.calls import Affiliation, Call, CallId, Deal, Outcome, Owner, Party, described

_Fields = Mapping[str, object]

# Level 6 is zlib's own default; metadata is short, so that more would gain nothing.
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Packed:
    """The bytes, and the SHA-256 (hex) of what they hold: two calls with the same one are the same in all that Callmine reads of them."""

    content: bytes
    checksum: str


def pack_call(call: Call) -> Packed:
    """The metadata of `call`; the same call gives the same checksum."""
    plain = json.dumps(described(call), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return Packed(zlib.compress(plain, _LEVEL), hashlib.sha256(plain).hexdigest())


def unpack_call(content: bytes) -> Call:
    """The call that was packed; a private one never is."""
    fields = cast(_Fields, json.loads(zlib.decompress(content)))
    return Call(
        call_id=CallId(_text(fields["call_id"])),
        title=_text(fields["title"]),
        started_at=datetime.fromisoformat(_text(fields["started_at"])),
        duration_seconds=int(cast(int, fields["duration_seconds"])),
        url=_text_or_none(fields["url"]),
        direction=_text(fields["direction"]),
        scope=_text(fields["scope"]),
        is_private=False,
        parties=tuple(_party(party) for party in cast(list[_Fields], fields["parties"])),
        owner=_owner(cast(_Fields | None, fields["owner"])),
        deal=_deal(cast(_Fields | None, fields["deal"])),
    )


def _party(fields: _Fields) -> Party:
    return Party(
        speaker_id=_text_or_none(fields["speaker_id"]),
        name=_text(fields["name"]),
        title=_text_or_none(fields["title"]),
        affiliation=Affiliation(_text(fields["affiliation"])),
        email=_text_or_none(fields["email"]),
    )


def _owner(fields: _Fields | None) -> Owner | None:
    return Owner(_text(fields["name"]), _text_or_none(fields["email"])) if fields else None


def _deal(fields: _Fields | None) -> Deal | None:
    if fields is None:
        return None
    amount, employees, outcome = fields["amount"], fields["employees"], fields["outcome"]
    return Deal(
        account=_text_or_none(fields["account"]),
        stage=_text_or_none(fields["stage"]),
        amount=float(amount) if isinstance(amount, int | float) else None,
        currency=_text_or_none(fields["currency"]),
        owner=_text_or_none(fields["owner"]),
        employees=employees if isinstance(employees, int) else None,
        industry=_text_or_none(fields["industry"]),
        segment=_text_or_none(fields["segment"]),
        outcome=Outcome(_text(outcome)) if outcome else None,
    )


def _text(value: object) -> str:
    return str(value)


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
