"""A database is searched value by value: every table of every schema, partitions, packed values, statistics; by no role that is blind."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from house.projects import ROOT
from remains.content import NotSearched
from remains.databases import BlindRole, places
from remains.needles import Search
from testkit.postgres import NewDatabase
from testkit.tables import same_database

ROLE = (ROOT / "deploy/remains/role.sql").read_text()

TABLES = """
CREATE TABLE plain (a text, b jsonb, c bytea, d text[], e varchar, f xml, g uuid, h text GENERATED ALWAYS AS (upper(a)) STORED);
CREATE TABLE parts (at int, words text) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.hidden ("Na me" text);
ALTER TABLE elsewhere.hidden ENABLE ROW LEVEL SECURITY;
ALTER TABLE elsewhere.hidden FORCE ROW LEVEL SECURITY;
CREATE MATERIALIZED VIEW seen AS SELECT 'canary-of-view'::text AS w;
"""


@pytest.fixture
async def admin(new_database: NewDatabase, postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(same_database(postgres_url, await new_database("retention")))
    await connection.execute(TABLES)
    yield connection
    await connection.close()


async def verifier_url(admin: asyncpg.Connection[asyncpg.Record], postgres_url: str, role: str, made: str) -> str:
    """The address of a role, which is made anew."""
    await admin.execute(made.replace("verifier", role).replace(":'password'", "'secret'"))
    database = await admin.fetchval("SELECT current_database()")
    parts = urlsplit(postgres_url)
    query = f"?{parts.query}" if parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"postgresql://{role}:secret@{host}/{database}{query}"


async def drop(admin: asyncpg.Connection[asyncpg.Record], role: str) -> None:
    """Roles are the whole server's."""
    await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_every_value_is_looked_at(admin: asyncpg.Connection[asyncpg.Record], postgres_url: str) -> None:
    await admin.execute(
        "INSERT INTO plain VALUES ($1, $2, $3, $4, $5, NULL, NULL)",
        "x canary-of-text y", json.dumps({"deep": [{"canary-of-json": 1}]}), gzip.compress(b"canary-of-gzip"), ["", "canary-of-array"],
        "canary-of-large " * 200_000,
    )  # fmt: skip
    await admin.execute("INSERT INTO plain (a) SELECT 'canary-of-statistics' FROM generate_series(1, 50)")
    await admin.execute("ANALYZE plain")
    await admin.execute("DELETE FROM plain WHERE a = 'canary-of-statistics'")
    await admin.execute(
        "INSERT INTO parts VALUES (1, 'canary-of-part'); INSERT INTO elsewhere.hidden VALUES ('canary-of-hidden')"
    )
    url = await verifier_url(admin, postgres_url, "verifier_sees", ROLE)
    names = ["text", "json", "gzip", "array", "large", "statistics", "part", "hidden", "view", "nothing"]
    search = Search({name: f"canary-of-{name}" for name in names} | {"upper": "X CANARY-OF-TEXT Y"})
    found = {place.name: dict(place.found) async for place in places(url, search)}
    await drop(admin, "verifier_sees")
    assert found == {
        "public.plain.a": {"text": 1},
        "public.plain.b": {"json": 1},
        "public.plain.c": {"gzip": 1},
        "public.plain.d": {"array": 1},
        "public.plain.e": {"large": 200_000},
        "public.plain.h": {"upper": 1},
        "public.parts_1.words": {"part": 1},
        "elsewhere.hidden.Na me": {"hidden": 1},
        "public.seen.w": {"view": 1},
        "statistics of public.plain.a": {"statistics": 1},
        "statistics of public.plain.d": {"array": 1},
    }


@pytest.mark.parametrize(
    ("without", "why"),
    [
        (" BYPASSRLS", "does not see every row"),
        ("GRANT pg_read_all_data TO verifier;", "does not see every row"),
        ("ALTER ROLE verifier SET default_transaction_read_only = on;", "may write"),
    ],
)
async def test_a_role_that_is_blind_or_may_write_is_refused(
    admin: asyncpg.Connection[asyncpg.Record], postgres_url: str, without: str, why: str
) -> None:
    assert without in ROLE
    url = await verifier_url(admin, postgres_url, "verifier_blind", ROLE.replace(without, ""))
    with pytest.raises(BlindRole, match=why):
        _ = [place async for place in places(url, Search({"a": "canary-of-text"}))]
    await drop(admin, "verifier_blind")


async def test_what_cannot_be_looked_into_is_said_and_not_waited_for(
    admin: asyncpg.Connection[asyncpg.Record], postgres_url: str
) -> None:
    await admin.execute("INSERT INTO plain (c) VALUES ($1)", b"\x28\xb5\x2f\xfd packed otherwise")
    url = await verifier_url(admin, postgres_url, "verifier_packed", ROLE)
    async with asyncio.timeout(60):
        with pytest.raises(NotSearched, match="zstd"):
            _ = [place async for place in places(url, Search({"a": "canary-of-text"}))]
    await drop(admin, "verifier_packed")


def test_the_role_is_made_by_hand_alone() -> None:
    """No migration and no service makes it, or knows it."""
    sources = [*ROOT.glob("services/**/*.sql"), *ROOT.glob("services/**/*.py"), *ROOT.glob("libs/**/*.py")]
    assert [str(Path(one).relative_to(ROOT)) for one in sources if "pg_read_all_data" in one.read_text()] == []
