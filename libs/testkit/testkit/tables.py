"""Whole databases, to compare them before and after, or to search them for what must not be there."""

from __future__ import annotations

from urllib.parse import urlsplit

from local.postgres import ServiceDsns
from local.postgres.connection import connected

_TABLES = """SELECT quote_ident(tablename) FROM pg_catalog.pg_tables
WHERE schemaname = 'public' AND tablename NOT LIKE '%yoyo%' ORDER BY tablename"""


async def every_row(admin_dsn: str, dsns: ServiceDsns) -> dict[str, list[str]]:
    """The rows of each table as text, sorted; read as the administrator, whom row policies do not stop."""
    async with connected(same_database(admin_dsn, dsns)) as connection:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        found = {}
        for table in tables:
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608 - a quoted identifier
            found[table] = sorted(row["row"] for row in rows)
        return found


async def raw_bytes(admin_dsn: str, dsns: ServiceDsns) -> bytes:
    """Everything that lies in the database, binary columns as they are."""
    parts: list[bytes] = []
    async with connected(same_database(admin_dsn, dsns)) as connection:
        for table in [row[0] for row in await connection.fetch(_TABLES)]:
            for row in await connection.fetch(f"SELECT * FROM {table}"):  # noqa: S608 - a quoted identifier
                parts.extend(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    return b"\n".join(parts)


def same_database(admin_dsn: str, dsns: ServiceDsns) -> str:
    """The administrator's DSN, pointed at the service's database."""
    parts = urlsplit(admin_dsn)
    query = f"?{parts.query}" if parts.query else ""
    # urlunsplit drops an empty authority, which the DSN of a Unix socket has.
    return f"{parts.scheme}://{parts.netloc}{urlsplit(dsns.owner).path}{query}"
