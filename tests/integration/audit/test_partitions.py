"""Entries by month: what was there stays, what is early or odd has a place, and nobody reaches a partition but through its parent."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path

import asyncpg
import pytest

from core.ids import WorkspaceId
from database import Database, MigrationSettings, Queries, migrate
from integration.audit.logs import Logs, as_administrator, entries
from local.postgres import ServiceDsns, drop, provision
from testkit.postgres import PASSWORDS, migration_folders, settings_of

MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")

_ROW = (
    "INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)"
    " SELECT '{workspace}', {id}, 'member.added', 'user', 'user_' || n % 3, '', 'web', 'member', 'user_9',"
    """ '{{"a": {{"after": "1"}}}}', '2026-03-01T09:00Z' FROM generate_series(1, {count}) AS n"""
)
_ALL = "SELECT to_jsonb(e) AS row FROM entries e ORDER BY e.workspace_id, e.id"
_WHERE = "SELECT tableoid::regclass::text AS place, count(*) AS entries FROM entries GROUP BY 1 ORDER BY 1"


def _uuid7(year: int) -> str:
    """SQL for an id that was made in January of a year."""
    at = f"'{year}-01-15T00:00Z'::timestamptz"
    return (
        f"(lpad(to_hex((extract(epoch FROM {at}) * 1000 + n)::bigint), 12, '0') || '7000800000000000000' || '0')::uuid"
    )


async def _migrated(dsns: ServiceDsns, *folders: Path) -> None:
    await asyncio.to_thread(migrate, MigrationSettings(owner_url=dsns.owner, folders=folders))


async def test_what_was_there_before_is_kept_and_sealed(postgres_url: str, tmp_path: Path) -> None:
    messaging, own = migration_folders("audit")
    for phase in ("pre", "post"):
        (tmp_path / phase).mkdir()
        for number in ("0010", "0011"):
            for file in own.glob(f"{phase}/{number}_*.sql"):
                shutil.copy(file, tmp_path / phase)
    name = f"test-audit-t{uuid.uuid4().hex[:20]}"
    dsns = await provision(postgres_url, "audit", PASSWORDS, name)
    try:
        await _migrated(dsns, messaging, tmp_path)
        made = [
            _ROW.format(workspace=MINE, id=_uuid7(2026), count=700),
            _ROW.format(workspace=THEIRS, id=_uuid7(2026), count=3),
            _ROW.format(workspace=MINE, id=_uuid7(2190), count=5),
            _ROW.format(workspace=MINE, id="gen_random_uuid()", count=20),
        ]
        before = await as_administrator(postgres_url, dsns.owner, *made, _ALL)
        await _migrated(dsns, messaging, own)
        assert await as_administrator(postgres_url, dsns.owner, _ALL) == before
        places = {row["place"] for row in await as_administrator(postgres_url, dsns.owner, _WHERE)}
        assert places == {"entries_first", "entries_stray"}
        db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "audit"), "audit")
        try:
            logs = Logs(db)
            assert await logs.sealer.drain() == 728
            assert (await logs.check(MINE)).findings == []
            assert (await logs.check(THEIRS)).findings == []
        finally:
            await db.close()
    finally:
        await drop(postgres_url, name)


async def test_what_strays_moves_when_its_month_has_a_partition(dsns: ServiceDsns, postgres_url: str) -> None:
    bounds = "SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'entries_0002'"
    (row,) = await as_administrator(postgres_url, dsns.owner, bounds)
    low = row["bound"].split("'")[1]
    put = f"INSERT INTO entries SELECT '{MINE}', '{low}'::uuid, 'member.added', 'user', 'u', '', 'web', 'm', 't', '{{}}', now(), now()"
    gone = "DROP TABLE entries_0002, entries_0003"
    (kept,) = await as_administrator(postgres_url, dsns.owner, gone, put, _WHERE)
    assert (kept["place"], kept["entries"]) == ("entries_stray", 1)
    for _ in range(2):
        await _migrated(dsns, *migration_folders("audit"))
        (kept,) = await as_administrator(postgres_url, dsns.owner, _WHERE)
        assert (kept["place"], kept["entries"]) == ("entries_0002", 1)
    (row,) = await as_administrator(
        postgres_url, dsns.owner, "SELECT count(*) AS n FROM pg_class WHERE relname ~ '^entries_[0-9]+$'"
    )
    assert row["n"] == 3


async def test_nobody_reaches_a_partition_past_its_parent(dsns: ServiceDsns, postgres_url: str) -> None:
    names = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'entries'::regclass"
    parts = [row["name"] for row in await as_administrator(postgres_url, dsns.owner, names)]
    assert {"entries_first", "entries_stray", "entries_0001", "entries_0002", "entries_0003"} == set(parts)
    for url in (dsns.app, dsns.sweep):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f"SELECT set_config('app.workspace_id', '{MINE}', false)")
            for part in parts:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f'SELECT id FROM "{part}"')
        finally:
            await connection.close()


async def test_adding_twice_is_adding_once_in_every_partition(dsns: ServiceDsns, postgres_url: str) -> None:
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "audit"), "audit")
    try:
        given = entries(20)
        for _ in range(2):
            await Logs(db).record(MINE, given)
    finally:
        await db.close()
    (row,) = await as_administrator(postgres_url, dsns.owner, "SELECT count(*) AS n FROM entries")
    assert row["n"] == 20
