"""The audit service's hot queries, each through both ways."""

from __future__ import annotations

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.domain import Change, Entry, EntryType
from audit.store import Recording, _recorded
from core.ids import WorkspaceId
from database import Database, Row
from isolation.cost.ledger import WORKSPACES, Ledger

_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = uuid.UUID(int=2**128 - 1)
_ENTRY = Entry(
    _LAST,
    EntryType.MEMBER_ADDED,
    "user",
    "user_of_the_measurement",
    "someone@example.com",
    "web",
    "member",
    "member-1",
    (Change("role", "member", "admin"),),
    datetime(2026, 3, 1, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement, its workspace and its parameters."""

    name: str
    workspace_id: WorkspaceId
    parameters: Mapping[str, object]


Ask = Callable[[Ledger, WorkspaceId, random.Random], Asked]


def page(_ledger: Ledger, workspace_id: WorkspaceId, _rng: random.Random) -> Asked:
    """What the page shows."""
    return Asked(
        "entries_page", workspace_id, {"before_time": _LATEST, "before_id": _LAST, "since": _EARLIEST, "size": 50}
    )


def by_id(ledger: Ledger, workspace_id: WorkspaceId, rng: random.Random) -> Asked:
    """One entry."""
    return Asked("entry_by_id", workspace_id, {"id": rng.choice(ledger.ids[workspace_id])})


def count(_ledger: Ledger, workspace_id: WorkspaceId, _rng: random.Random) -> Asked:
    """How many there are of each type."""
    return Asked("entries_count_by_type", workspace_id, {})


def add(_ledger: Ledger, workspace_id: WorkspaceId, _rng: random.Random) -> Asked:
    """One more, with an id that nobody else draws."""
    told = Recording(workspace_id, [_ENTRY._replace(id=uuid.uuid4())], [bytes(32)], datetime.now(UTC), 0)
    return Asked("entries_record_enter", workspace_id, _recorded(told))


HOT: Mapping[str, Ask] = {"page of 50": page, "one by id": by_id, "count by type": count, "insert of one": add}


def drawn(ask: Ask, ledger: Ledger, rng: random.Random) -> Asked:
    """One of its kind, for some workspace."""
    return ask(ledger, rng.choice(WORKSPACES), rng)


async def walled(db: Database, asked: Asked) -> list[Row]:
    """As a service does it."""
    async with db.workspace(asked.workspace_id) as tx:
        return await tx.fetch(asked.name, **asked.parameters)


async def bare(db: Database, asked: Asked) -> list[Row]:
    """The same statement in the same number of round trips, with no scope and no policy."""
    async with db.sweep() as tx:
        return await tx.fetch(asked.name, workspace_id=asked.workspace_id, **asked.parameters)


async def process_of(db: Database, way: Callable[[Database, Asked], Awaitable[list[Row]]]) -> int:
    """The id of the server process behind the connection that `way` uses next."""
    rows = await way(db, Asked("server_process", WORKSPACES[0], {}))
    return int(rows[0]["id"])
