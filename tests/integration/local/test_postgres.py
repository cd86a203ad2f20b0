"""The embedded PostgreSQL and what `provision` makes on it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from local.postgres import EmbeddedPostgres, Passwords, ServiceDsns, clone, drop, provision

PASSWORDS = Passwords(
    owner="owner-password-0123",
    app="app-password-0123456",
    sweep="sweep-password-012345",
    staff="staff-password-012345",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: each pytest session that starts closes that to other users, the server's among them."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory() as made, EmbeddedPostgres.start(Path(made)) as running:
        yield running


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def dsns(server: EmbeddedPostgres) -> AsyncIterator[ServiceDsns]:
    yield await provision(server.admin_dsn, "credential-vault", PASSWORDS)
    await drop(server.admin_dsn, "credential-vault")


async def test_roles_can_neither_bypass_nor_create(server: EmbeddedPostgres, dsns: ServiceDsns) -> None:
    async with connected(server.admin_dsn) as admin:
        rows = await admin.fetch(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles"
            " WHERE rolname LIKE 'credential\\_vault\\_%' ORDER BY rolname"
        )
    assert [row["rolname"] for row in rows] == [f"credential_vault_{kind}" for kind in ("app", "owner", "sweep")]
    assert not any(any(tuple(row)[1:]) for row in rows)


async def test_owner_makes_tables_others_get_nothing_by_themselves(dsns: ServiceDsns) -> None:
    async with connected(dsns.owner) as owner:
        await owner.execute("CREATE TABLE t (a int)")
        await owner.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    for dsn in (dsns.app, dsns.sweep):
        async with connected(dsn) as connection:
            for statement in ("CREATE TABLE u (a int)", "SELECT * FROM t", "SELECT f()"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


async def test_explicit_grant_lets_the_app_in(dsns: ServiceDsns) -> None:
    async with connected(dsns.owner) as owner:
        await owner.execute("CREATE TABLE t (a int); GRANT SELECT ON t TO credential_vault_app")
    async with connected(dsns.app) as app:
        assert await app.fetch("SELECT * FROM t") == []


async def test_no_service_enters_another_database(server: EmbeddedPostgres, dsns: ServiceDsns) -> None:
    await provision(server.admin_dsn, "audit", PASSWORDS)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT"):
        await asyncpg.connect(dsns.app.replace("/credential_vault?", "/audit?"), timeout=10)
    await drop(server.admin_dsn, "audit")


async def test_wrong_password_is_refused(dsns: ServiceDsns) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsns.app.replace(PASSWORDS.app, "wrong-password-012345"), timeout=10)


async def test_provisioning_twice_keeps_the_data(server: EmbeddedPostgres, dsns: ServiceDsns) -> None:
    async with connected(dsns.owner) as owner:
        await owner.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
    again = await provision(server.admin_dsn, "credential-vault", PASSWORDS)
    async with connected(again.owner) as owner:
        assert await owner.fetchval("SELECT a FROM t") == 7


async def test_clone_has_the_tables_and_the_same_walls(server: EmbeddedPostgres, dsns: ServiceDsns) -> None:
    async with connected(dsns.owner) as owner:
        await owner.execute("CREATE TABLE t (a int); GRANT SELECT ON t TO credential_vault_app")
    copied = await clone(server.admin_dsn, "credential-vault", "vault-copy", PASSWORDS)
    async with connected(copied.app) as app:
        assert await app.fetch("SELECT * FROM t") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("CREATE TABLE u (a int)")
    await drop(server.admin_dsn, "vault-copy")


async def _refused(dsn: str, *statements: str) -> None:
    async with connected(dsn) as connection:
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


OUTSIDE_OF_TABLES = (
    "SELECT query FROM pg_stat_activity",
    "SELECT pg_stat_get_activity(NULL)",
    "SELECT lo_create(0)",
    "CREATE TEMP TABLE mine (a int)",
    "DO $$ BEGIN NULL; END $$",
)


async def test_what_is_no_table_is_closed_and_closed_again_in_a_database_that_was_there(
    server: EmbeddedPostgres, dsns: ServiceDsns
) -> None:
    await _refused(dsns.app, *OUTSIDE_OF_TABLES)
    async with connected(server.admin_dsn) as admin:
        await admin.execute("GRANT TEMP ON DATABASE credential_vault TO PUBLIC, credential_vault_app")
    await provision(server.admin_dsn, "credential-vault", PASSWORDS)
    await _refused(dsns.app, *OUTSIDE_OF_TABLES)
    copied = await clone(server.admin_dsn, "credential-vault", "vault-copy", PASSWORDS)
    await _refused(copied.app, *OUTSIDE_OF_TABLES)
    await _refused(copied.sweep, *OUTSIDE_OF_TABLES)
    await drop(server.admin_dsn, "vault-copy")


async def test_an_administrator_that_is_no_superuser_does_what_it_can_and_says_what_it_cannot(
    server: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Cloud SQL's administrator may create roles and databases, and owns none of the system's functions."""
    password = "cloud-administrator-0123"
    async with connected(server.admin_dsn) as admin:
        await admin.execute(f"CREATE ROLE cloud LOGIN CREATEDB CREATEROLE PASSWORD '{password}'")
    parts = urlsplit(server.admin_dsn)
    cloud = f"{parts.scheme}://cloud:{password}@{parts.netloc.rpartition('@')[2]}{parts.path}?{parts.query}"
    await provision(cloud, "retention", PASSWORDS)
    dsns = await provision(cloud, "retention", PASSWORDS)
    assert "no superuser" in caplog.text
    await _refused(dsns.app, "CREATE TABLE u (a int)", "CREATE TEMP TABLE u (a int)", "SET ROLE retention_owner")
    # One role's sessions still see each other's statements there, which is why those never hold a customer's words.
    async with connected(dsns.app) as app:
        assert await app.fetchval("SELECT count(*) FROM pg_stat_activity") > 0
    await drop(cloud, "retention")


@pytest.mark.parametrize("service", ['x"; DROP DATABASE postgres; --', "Upper", "", "a--b", "postgres'"])
async def test_odd_service_name_is_refused(server: EmbeddedPostgres, service: str) -> None:
    with pytest.raises(ValueError, match="not a service name"):
        await provision(server.admin_dsn, service, PASSWORDS)


async def test_odd_password_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(ValueError, match="URL-safe"):
        await provision(server.admin_dsn, "audit", Passwords("it's-a-long-password", PASSWORDS.app, PASSWORDS.sweep))


def test_dsns_and_passwords_do_not_print(dsns: ServiceDsns) -> None:
    assert PASSWORDS.app not in f"{PASSWORDS!r} {dsns!r}"


async def test_data_survives_a_stop_and_a_second_start_joins(folder: Path) -> None:
    with EmbeddedPostgres.start(folder) as first:
        dsns = await provision(first.admin_dsn, "audit", PASSWORDS)
        async with connected(dsns.owner) as owner:
            await owner.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
    assert not first.running
    with EmbeddedPostgres.start(folder) as second:
        assert second.admin_dsn == first.admin_dsn
        joined = EmbeddedPostgres.start(folder)
        joined.stop()  # it did not start the server, so it leaves it running
        async with connected(dsns.owner) as owner:
            assert await owner.fetchval("SELECT a FROM t") == 7
            assert await owner.fetchval("SHOW synchronous_commit") == "on"
            assert await owner.fetchval("SHOW listen_addresses") == ""


async def test_long_path_gets_a_short_socket(folder: Path) -> None:
    directory = folder.joinpath(*["a-rather-long-directory-name"] * 4)
    with EmbeddedPostgres.start(directory) as server:
        async with connected(server.admin_dsn) as admin:
            assert await admin.fetchval("SELECT 1") == 1
