"""A migration that finds a table in use gives way, and is tried again; nobody who reads is ended for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from database import MigrationSettings, migrate, migrations
from testkit.postgres import NewDatabase


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pre").mkdir()
    (tmp_path / "pre" / "0001_wider.sql").write_text(
        "SET lock_timeout = '200ms';\nALTER TABLE inbox ADD COLUMN note text;\n"
    )
    return tmp_path


@pytest.fixture
async def reader(new_database: NewDatabase) -> AsyncIterator[tuple[psycopg.Connection[tuple[object, ...]], str]]:
    """Somebody who is reading the table, and the owner's address."""
    owner = (await new_database("retention")).owner
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT count(*) FROM inbox")
        yield connection, owner


async def test_it_is_applied_once_the_table_is_free(
    folder: Path, reader: tuple[psycopg.Connection[tuple[object, ...]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, owner = reader
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        # Nothing was done to the reader: its transaction goes on and ends by itself.
        connection.execute("SELECT count(*) FROM inbox")
        connection.rollback()

    monkeypatch.setattr("database.migrations.time.sleep", pause)
    assert migrate(MigrationSettings(owner, (folder,))) == ["0001_wider"]
    assert len(pauses) == 1
    assert migrate(MigrationSettings(owner, (folder,))) == []


async def test_it_says_so_when_the_table_is_never_free(
    folder: Path, reader: tuple[psycopg.Connection[tuple[object, ...]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(migrations, "_ATTEMPTS", 2)
    with pytest.raises(migrations.MigrationRefused, match="in use all the time"):
        migrate(MigrationSettings(reader[1], (folder,)))
    reader[0].execute("SELECT count(*) FROM inbox")
