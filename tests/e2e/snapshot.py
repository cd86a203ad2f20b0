"""Every row of every table of every service, to compare before and after."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from local.stack import Stack

# Not state but upkeep: who relays until when, and what the migration tool notes of itself.
UPKEEP = {"relay_lease", "yoyo_lock", "_yoyo_log", "_yoyo_migration", "_yoyo_version"}

Snapshot = dict[str, list[str]]


async def snapshot(stack: Stack) -> Snapshot:
    """`service.table` -> its rows as text, sorted; read by the administrator, whom no policy holds back."""
    found: Snapshot = {}
    for service in stack.dsns:
        connection = await asyncpg.connect(database_of(stack, service))
        try:
            tables = await connection.fetch(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1"
            )
            for (table,) in tables:
                if table not in UPKEEP:
                    rows = await connection.fetch(f'SELECT t::text AS row FROM "{table}" t')
                    found[f"{service}.{table}"] = sorted(row["row"] for row in rows)
        finally:
            await connection.close()
    return found


def database_of(stack: Stack, service: str) -> str:
    """The administrator's DSN for a service's database."""
    parts = urlsplit(stack.admin_dsn)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{service.replace('-', '_')}{query}"


def differences(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """How many rows of each table are not the same any more."""
    changed = {name: len(set(before.get(name, [])) ^ set(after.get(name, []))) for name in before.keys() | after.keys()}
    return {name: count for name, count in changed.items() if count}
