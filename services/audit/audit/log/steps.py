"""Steps of staff access in the log: who of our staff asked, agreed, ended and read, each as a leaf beside the entries'.

A step is no entry: none of the fourteen types is about our staff. Its leaf is made of what tells of nobody (the kind of the step, the
grant, the time) and of two parts as commitments, with salts from the workspace's own key: who did it, and what it was about. So a workspace
that is erased takes what can be guessed from them along, as it does with entries.

A step is told to its own table, by a process of any version; one without a leaf is one that waits, and the sealer gives it one.
"""

from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from hmac import digest

from msgspec import Struct

from audit.log.leaf import PART, timestamp
from audit.log.tree import leaf_hash

STEP = "callmine-audit-staff/v1"

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class StepPart(enum.StrEnum):
    """What of a step may tell of a person."""

    WHO = "who"
    WHAT = "what"


class Step(Struct, frozen=True, kw_only=True):
    """One step, by the id of its leaf. `kind`: grant.asked, grant.approved, grant.ended, statement.asked, statement.shown,
    statement.withheld or statement.failed.

    `by_staff`: `person` is an address of ours; otherwise the user id of an admin of the workspace. `what`: the terms of a grant, or a
    statement.
    """

    id: uuid.UUID
    kind: str
    grant_id: uuid.UUID
    at: datetime
    person: str
    by_staff: bool
    what: Mapping[str, str | int]


def salt(key: bytes, step_id: uuid.UUID, part: StepPart) -> bytes:
    """The salt of a part, under the workspace's own key."""
    return digest(key, f"{part}\n".encode() + step_id.bytes, "sha256")


def commitment(key: bytes, step: Step, part: StepPart) -> bytes:
    """What stands for a part in the leaf."""
    content = [step.person, step.by_staff] if part is StepPart.WHO else [list(one) for one in sorted(step.what.items())]
    return sha256(PART + salt(key, step.id, part) + _json(content).encode()).digest()


def step_leaf(workspace_id: str, key: bytes, step: Step) -> bytes:
    """The hash of a step's leaf."""
    parts = [commitment(key, step, part).hex() for part in StepPart]
    data = [STEP, workspace_id, str(step.id), step.kind, str(step.grant_id), timestamp(step.at), *parts]
    return leaf_hash(_json(data).encode())


def told(step: Step) -> dict[str, object]:
    """A step as it is exported and streamed."""
    return {
        "id": str(step.id),
        "kind": step.kind,
        "grant": str(step.grant_id),
        "at": timestamp(step.at),
        "who": {"id": step.person, "by_staff": step.by_staff},
        "what": dict(sorted(step.what.items())),
    }
