"""Making leaves: of entries as they are recorded, of steps of staff access afterwards, and anew where keys have changed since."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from audit.domain import Entry
from audit.log import forgetting, store
from audit.log.keys import Keys, made
from audit.log.leaf import (
    NOBODY,
    Part,
    Recorded,
    commitment,
    commitment_by,
    entry_leaf,
    erasure_leaf,
    leaf_in,
    salting,
    subject,
    timestamp,
)
from audit.log.steps import step_leaf
from audit.log.store import steps
from core.errors import CallmineError
from core.faultpoints import reach
from core.ids import uuid7
from database import Tx

# The epoch of leaves that are yet to be made.
UNMADE = -1

_PARTS = tuple(Part)

# Arrivals in one transaction.
_ARRIVALS = 200

# Steps of staff access in one transaction, of each kind.
_STEPS = 500


class LogInvalid(CallmineError):
    """The log does not hold together: somebody changed the database by hand. See docs/audit-proof.md."""


def subjects_of(entries: Sequence[Entry]) -> set[str]:
    """Whom entries tell of."""
    return {subject(entry, part) for entry in entries for part in _PARTS}


def leaves_of(workspace_id: str, entries: Sequence[Entry], recorded_at: datetime, keys: Keys) -> list[bytes]:
    """The hashes of the leaves of entries that are recorded now."""
    leaf = leaf_in(workspace_id, timestamp(recorded_at))
    begun = {one: salting(keys.of[one]) for one in subjects_of(entries)}
    return [
        leaf(
            entry,
            commitment_by(begun[subject(entry, Part.ACTOR)], entry, Part.ACTOR),
            commitment_by(begun[subject(entry, Part.TARGET)], entry, Part.TARGET),
        )
        for entry in entries
    ]


async def renew(tx: Tx) -> int:
    """Make anew the leaves of arrivals that were made with keys of before; how many arrivals. Raises LogInvalid."""
    arrivals = await store.stale(tx, _ARRIVALS)
    ids = [entry for _, entries in arrivals for entry in entries]
    if not ids:
        return 0
    entries = await forgetting.without_forgotten(tx, await store.entries(tx, ids))
    keys = await made(tx, subjects_of([one.entry for one in entries.values()]) | {NOBODY})
    redacted = await store.redactions(tx, ids)
    erasures = {one.id: one for one in await store.erasures(tx)}
    staff = await steps.read(tx, [one for one in ids if one not in entries and one not in erasures])

    def part(recorded: Recorded, part: Part) -> bytes:
        gone = redacted.get((recorded.entry.id, part))
        return gone.commitment if gone else commitment(keys.of[subject(recorded.entry, part)], recorded.entry, part)

    def leaf(one: uuid.UUID) -> bytes:
        if one in erasures:
            return erasure_leaf(tx.workspace_id, erasures[one])
        if one in staff:
            return step_leaf(tx.workspace_id, keys.of[NOBODY], staff[one])
        if one not in entries:
            raise LogInvalid(f"audit entry {one} was removed before it was sealed")
        recorded = entries[one]
        return entry_leaf(tx.workspace_id, recorded, part(recorded, Part.ACTOR), part(recorded, Part.TARGET))

    for arrival, members in arrivals:
        await store.renew(tx, arrival, b"".join(leaf(one) for one in members), keys.epoch)
    return len(arrivals)


async def place_steps(tx: Tx) -> int:
    """Make the leaves of steps of staff access that have none, in the order of their times, and queue them; how many. Raises Transient."""
    found = await steps.read(tx, await steps.name(tx, _STEPS))
    if not found:
        return 0
    keys = await made(tx, {NOBODY})
    ordered = sorted(found.values(), key=lambda one: (one.at, one.kind, one.id))
    leaves = b"".join(step_leaf(tx.workspace_id, keys.of[NOBODY], one) for one in ordered)
    await steps.arrive(tx, uuid7(), [one.id for one in ordered], leaves, keys.epoch)
    reach("audit.steps.before_commit")
    return len(ordered)
