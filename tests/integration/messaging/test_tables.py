"""What the messaging tables refuse by themselves."""

from __future__ import annotations

import asyncpg
import pytest

from database import Database, DatabaseSettings
from integration.messaging.memory import A, write

SCOPE = "SELECT set_config('app.workspace_id', 'org_a', false); "

IMPOSSIBLE = {
    "lease held by nobody until some time": "INSERT INTO relay_lease (name, holder, fence, expires_at) VALUES ('x', NULL, 1, now())",
    "lease held for ever": "INSERT INTO relay_lease (name, holder, fence, expires_at) VALUES ('x', 'me', 1, NULL)",
    "fence zero": "INSERT INTO relay_lease (name, holder, fence, expires_at) VALUES ('x', 'me', 0, now())",
    "waiting without a failure": "UPDATE outbox SET next_attempt_at = now()",
    "failed without a time": "UPDATE outbox SET attempts = 1",
    "parked nowhere": "INSERT INTO parked (direction, source, event_id, type, reason, body, attributes, ordering_key) "
    "VALUES ('sideways', 's', 'e', 't', 'r', '', '{}', '')",
    "parked without a reason": "INSERT INTO parked (direction, source, event_id, type, reason, body, attributes, ordering_key) "
    "VALUES ('in', 's', 'e', 't', '', '', '{}', '')",
    "outgoing of no workspace": "INSERT INTO parked (direction, source, event_id, type, reason, body, attributes, ordering_key) "
    "VALUES ('out', 's', 'e', 't', 'r', '', '{}', '')",
}

FORBIDDEN_TO_APP = (
    "SELECT * FROM outbox",
    "DELETE FROM outbox",
    "UPDATE outbox SET attempts = 1",
    "SELECT * FROM parked",
    "SELECT * FROM relay_lease",
    "UPDATE inbox SET consumer = 'x'",
)

FORBIDDEN_TO_SWEEP = (
    "UPDATE outbox SET body = ''",
    "UPDATE outbox SET workspace_id = 'org_b'",
    "INSERT INTO inbox (workspace_id, consumer, event_id) VALUES ('org_a', 'c', gen_random_uuid())",
    "DELETE FROM relay_lease",
    "UPDATE parked SET workspace_id = 'org_b'",
)


async def run(url: str, statement: str) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("statement", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_impossible_states_are_impossible(db: Database, settings: DatabaseSettings, statement: str) -> None:
    await write(db, A, "run-1")
    with pytest.raises(asyncpg.CheckViolationError):
        await run(settings.sweep_url, statement)


@pytest.mark.parametrize("statement", FORBIDDEN_TO_APP)
async def test_the_application_has_no_more_rights_than_it_needs(settings: DatabaseSettings, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(settings.app_url, SCOPE + statement)


@pytest.mark.parametrize("statement", FORBIDDEN_TO_SWEEP)
async def test_nor_has_the_sweep_role(settings: DatabaseSettings, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(settings.sweep_url, statement)


@pytest.mark.parametrize("table", ["outbox", "inbox"])
async def test_a_row_of_another_workspace_cannot_be_written(settings: DatabaseSettings, table: str) -> None:
    rows = {
        "outbox": "INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes) "
        "VALUES ('org_b', gen_random_uuid(), 't', 'k', 'x', '{}')",
        "inbox": "INSERT INTO inbox (workspace_id, consumer, event_id) VALUES ('org_b', 'c', gen_random_uuid())",
    }
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await run(settings.app_url, SCOPE + rows[table])
    await run(settings.app_url, SCOPE + rows[table].replace("org_b", "org_a"))
