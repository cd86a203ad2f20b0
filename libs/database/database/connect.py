"""Connections: from a DSN, or through the Cloud SQL connector with IAM authentication."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from msgspec import Struct

# A statement that runs longer than this is a bug or an attack; the longest legitimate one (an outbox batch) takes well under a second.
STATEMENT_TIMEOUT_SECONDS = 30

# Between two statements of a transaction nothing is waited for but computing, which takes well under a second. A process that stands still
# there (stopped, swapped out, cut off from the network) would keep its row locks from everybody for as long as it stands.
IDLE_TRANSACTION_SECONDS = 60.0

# The connector narrows it down to what logging in takes.
_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

# json.dumps builds an encoder for each call that is not all defaults, which costs more than encoding a small value.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asyncpg.connection import LoggedQuery
    from asyncpg.pool import PoolConnectionProxy
    from google.auth.credentials import Credentials

    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    RawConnection = asyncpg.Connection[asyncpg.Record]
    Logger = Callable[[LoggedQuery], None]


class DatabaseSettings(Struct, frozen=True):
    """How to reach one service's database, as its runtime role and as its sweep role.

    A URL is a PostgreSQL DSN, or `cloudsql://<user>@<project>:<region>:<instance>/<database>` for the Cloud SQL connector with IAM;
    `?ip=private` uses the instance's private address, `as=<service account>` logs in as that account, which this process's own may act as.
    Pool sizes are connections. `idle_transaction`: after so many seconds without a statement PostgreSQL ends a transaction, and
    lets go of its locks. `capture` is a folder for the text of each distinct statement that runs: for tests, never in production.
    """

    app_url: str
    sweep_url: str
    app_pool: int = 10
    sweep_pool: int = 3
    idle_transaction: float = IDLE_TRANSACTION_SECONDS
    capture: Path | None = None


async def open_pool(
    url: str,
    size: int,
    service: str,
    logger: Logger | None = None,
    idle_transaction: float = IDLE_TRANSACTION_SECONDS,
    session: Mapping[str, str] | None = None,
) -> Pool:
    """A pool of at most `size` connections, each of which tells `logger` what it runs; see DatabaseSettings for `idle_transaction`.

    `session` holds more settings of PostgreSQL's that its sessions begin with. Raises OSError or asyncpg's errors when the database cannot
    be reached.
    """
    options: dict[str, Any] = {
        "min_size": 1,
        "max_size": size,
        "init": partial(_prepare, logger=logger),
        "reset": _reset,
        "command_timeout": STATEMENT_TIMEOUT_SECONDS,
        "server_settings": {
            "application_name": service,
            "timezone": "UTC",
            # Known from the start, and nobody's: what asks for it before a workspace has been entered finds no row.
            "app.workspace_id": "",
            "idle_in_transaction_session_timeout": f"{round(1_000 * idle_transaction)}ms",
            **(session or {}),
        },
    }
    if url.startswith("cloudsql://"):
        return await _cloud_sql_pool(url, options)
    pool: Pool = await asyncpg.create_pool(url, **options)
    return pool


async def _cloud_sql_pool(url: str, options: dict[str, Any]) -> Pool:
    from google.cloud.sql.connector import create_async_connector

    parts = urlsplit(url)
    user, _, instance = parts.netloc.rpartition("@")
    asked = parse_qs(parts.query)
    connector = await create_async_connector(credentials=acting_as(asked["as"][0]) if "as" in asked else None)

    address = "PRIVATE" if "private" in asked.get("ip", []) else "PUBLIC"

    async def connect(*_: object, **arguments: Any) -> RawConnection:
        arguments.pop("loop", None)
        arguments |= {"user": unquote(user), "db": parts.path.lstrip("/"), "ip_type": address}
        connection: RawConnection = await connector.connect_async(
            instance, "asyncpg", enable_iam_auth=True, **arguments
        )
        return connection

    pool: Pool = await asyncpg.create_pool(connect=connect, **options)
    return pool


def acting_as(account: str) -> Credentials:
    """The identity of another service account: a login is one role's, and the sweep role is not the application's."""
    import google.auth
    from google.auth import impersonated_credentials

    own, _ = google.auth.default(scopes=[_PLATFORM])
    return impersonated_credentials.Credentials(own, account, target_scopes=[_PLATFORM])  # type: ignore[no-untyped-call] # Google's


async def _prepare(connection: RawConnection, logger: Logger | None) -> None:
    if logger is not None:
        connection.add_query_logger(logger)
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_to_json, decoder=json.loads)


async def _reset(connection: RawConnection) -> None:
    """Nothing outlives a transaction here (settings are transaction-local), so the default's round trip is saved.

    A connection that comes back inside a transaction has been abandoned half-way: it is closed, never handed on.
    """
    if connection.is_in_transaction():
        connection.terminate()
