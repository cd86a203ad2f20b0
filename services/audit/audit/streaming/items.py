"""Positions of the log as they are sent and pulled: one item for each, without a gap."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from audit.log import store
from audit.log.export import told
from audit.log.leaf import Erasure, Part, timestamp
from audit.log.steps import told as step_told
from audit.log.store import Redaction, steps
from audit.streaming.stream import MOST_BYTES, MOST_ENTRIES
from core.errors import Transient
from database import Tx

# Positions that are read at once: an entry has 400 KB of text at most, so that a few of the largest fit into memory beside each other.
_STEP = 20

Item = Mapping[str, object]

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Batch(Struct, frozen=True):
    """The items of positions `first` to `end` - 1, as JSON texts."""

    first: int
    end: int
    items: tuple[str, ...]

    def body(self, workspace_id: str, sent_at: datetime) -> bytes:
        """The message's body: Standard Webhooks' type, timestamp and data."""
        data = f'{{"workspace":{_json(workspace_id)},"first":{self.first},"end":{self.end},"entries":[{",".join(self.items)}]}}'
        return f'{{"type":"audit.entries","timestamp":"{timestamp(sent_at)}","data":{data}}}'.encode()


def trial(workspace_id: str, sent_at: datetime) -> bytes:
    """A test event's body, of the same shape as the others."""
    data = f'{{"workspace":{_json(workspace_id)},"test":true}}'
    return f'{{"type":"audit.test","timestamp":"{timestamp(sent_at)}","data":{data}}}'.encode()


async def read(tx: Tx, first: int, end: int, most: int = MOST_ENTRIES, largest: int = MOST_BYTES) -> Batch:
    """Items from position `first` on, before `end`: at most `most`, and no more after `largest` bytes; one at least where there is any."""
    items: list[str] = []
    size, stop = 0, min(end, first + most)
    erasures = {one.id: one for one in await store.erasures(tx)} if first < stop else {}
    for start in range(first, stop, _STEP):
        for item in await _step(tx, start, min(start + _STEP, stop), erasures):
            text = _json(item)
            size += len(text.encode())
            if items and size > largest:
                return Batch(first, first + len(items), tuple(items))
            items.append(text)
    return Batch(first, first + len(items), tuple(items))


async def _step(tx: Tx, first: int, end: int, erasures: Mapping[uuid.UUID, Erasure]) -> list[Item]:
    """Raises Transient where the log does not hold its own positions: nothing is skipped, and operators hear of it from the sealer."""
    members = {
        start + place: one
        for start, ids in await store.seals(tx, first, end)
        for place, one in enumerate(ids)
        if first <= start + place < end
    }
    if len(members) != end - first:
        raise Transient("the log has no entry at one of its positions; docs/audit-proof.md says how to find it")
    ids = list(members.values())
    entries = await store.entries(tx, ids)
    redacted = await store.redactions(tx, ids)
    staff = await steps.read(tx, [one for one in ids if one not in entries and one not in erasures])

    def item(position: int) -> Item:
        one = members[position]
        if one in erasures:
            return {"position": position, "id": str(one), "type": "audit.erasure", "erasure": _erasure(erasures[one])}
        if one in staff:
            return {"position": position, "id": str(one), "type": "audit.staff_access", "staff": step_told(staff[one])}
        if one not in entries:
            return {"position": position, "id": str(one), "type": "audit.erased"}
        return {"position": position, **told(entries[one]), **_erased(one, redacted)}

    return [item(position) for position in range(first, end)]


def _erased(one: uuid.UUID, redacted: Mapping[tuple[uuid.UUID, Part], Redaction]) -> Item:
    parts = [part.value for part in Part if (one, part) in redacted]
    return {"erased": parts} if parts else {}


def _erasure(erasure: Erasure) -> Item:
    return {
        "request": erasure.request_id,
        "scope": erasure.scope,
        "erased_at": timestamp(erasure.erased_at),
        "positions": [list(run) for run in erasure.positions],
    }
