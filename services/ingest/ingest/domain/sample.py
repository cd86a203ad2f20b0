"""Some of the calls that a preview has counted, for a person to look at, and the object they travel in."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import cast

from ingest.domain.calls import CallObject, Metadata

# Enough to see whether the filter means what was meant, and to fit beside the form.
SAMPLE_CALLS = 10

# Of one call; how many more there were is said.
SAMPLE_PARTICIPANTS = 12

# Readers check it; a change that an old reader would misunderstand raises it.
SAMPLE_VERSION = 1

_LONGEST_TEXT = 300


def sample_object(preview_id: uuid.UUID, calls: Sequence[Metadata]) -> CallObject:
    """The object that shows `calls` for a preview. Other calls make another name: an object is written once, a job perhaps twice."""
    document = {"version": SAMPLE_VERSION, "calls": [_shown(call) for call in calls]}
    content = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return CallObject(f"previews/{preview_id}/{hashlib.sha256(content).hexdigest()[:16]}.json.gz", content)


def _shown(call: Metadata) -> dict[str, object]:
    """No e-mail, no amount, no account: what tells one call from another, and the stage, which is often filtered by."""
    parties = cast(Sequence[Mapping[str, object]], call["parties"])
    owner, deal = (cast(Mapping[str, object], call[name] or {}) for name in ("owner", "deal"))
    return {
        "title": _short(call["title"]),
        "started_at": call["started_at"],
        "duration_seconds": call["duration_seconds"],
        "owner": _short(owner.get("name")),
        "stage": _short(deal.get("stage")),
        "participants": [_short(party["name"]) for party in parties[:SAMPLE_PARTICIPANTS]],
        "more_participants": max(0, len(parties) - SAMPLE_PARTICIPANTS),
    }


def _short(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
