"""What people and things are called, as entries tell it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from audit.domain.entry import Entry

# The kind under which names of people stand; the others are the kinds of targets.
ACTOR = "actor"

# The field of a diff that holds what the target is called, by kind of target.
_NAMING = {"schedule": "name", "workspace": "name", "member": "email", "invitation": "email"}

# What begins with a letter and is JSON, as Python reads it.
_CONSTANTS = frozenset({"true", "false", "null", "NaN", "Infinity"})

# Longer names are cut: they are for reading, and for an index.
LONGEST_NAME = 200


class Named(NamedTuple):
    """Somebody or something was called `name` when the event `told_by` happened."""

    kind: str
    id: str
    name: str
    told_at: datetime
    told_by: uuid.UUID


def names_told(entry: Entry) -> Iterator[Named]:
    """What `entry` tells of names: its actor's, and its target's where the diff has it."""
    # Who is erased has neither.
    if entry.actor_id:
        name = (entry.actor_email or entry.actor_id)[:LONGEST_NAME]
        yield Named(ACTOR, entry.actor_id, name, entry.occurred_at, entry.id)
    for change in entry.diff:
        if change.field == _NAMING.get(entry.target_kind):
            told = change.after if change.after is not None else change.before
            if told and (name := _text(told)):
                yield Named(entry.target_kind, entry.target_id, name, entry.occurred_at, entry.id)


def _text(value: str) -> str:
    """A JSON value's text; nothing for what is no text."""
    # Nothing else that begins with a letter is JSON, and raising an error takes longer than looking.
    if value[:1].isalpha() and value not in _CONSTANTS:
        return value[:LONGEST_NAME]
    try:
        found = json.loads(value)
    except ValueError:
        found = value
    return found[:LONGEST_NAME] if isinstance(found, str) else ""
