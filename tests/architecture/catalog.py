"""What a migrated database must look like, read from its live catalog: the third and the fourth wall.

Each check answers with sentences; an empty list means that all is in order.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

# Tables without a workspace, each with the reason.
NOT_TENANT: Mapping[str, str] = {
    "relay_lease": "one lease for the whole outbox",
    "default_plan": "what a workspace has until retention has spoken: one row, the same for all",
    "_yoyo_log": "the migration tool's own",
    "_yoyo_migration": "the migration tool's own",
    "_yoyo_version": "the migration tool's own",
    "yoyo_lock": "the migration tool's own",
}

# What a tenant table may lack, each with the reason.
EXCEPTIONS: Mapping[tuple[str, str], str] = {
    (
        "parked",
        "workspace_id may be null",
    ): "a message that cannot be read belongs to no workspace; only operators see the table",
    (
        "parked",
        "parked_pkey",
    ): "operators name parked messages by one number; the application role has no right to the table",
}

SCOPE = "(workspace_id = current_setting('app.workspace_id'::text))"

COLUMNS = """
SELECT c.relname AS table, a.attnotnull AS required, a.attname IS NOT NULL AS tenant,
       c.relrowsecurity AND c.relforcerowsecurity AS forced
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY c.relname
"""

UNIQUE = """
SELECT t.relname AS table, i.relname AS index, array_agg(a.attname::text) AS columns
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
WHERE (x.indisunique OR x.indisprimary) AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY 1, 2
"""

FOREIGN = """
SELECT t.relname AS table, k.conname AS key,
       EXISTS (
           SELECT FROM unnest(k.conkey, k.confkey) AS pair (here, there)
           JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
           JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there
           WHERE a.attname = 'workspace_id' AND b.attname = 'workspace_id') AS within
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
WHERE k.contype = 'f'
"""

POLICIES = "SELECT tablename AS table, policyname AS name, roles::text[] AS roles, permissive, qual, with_check FROM pg_policies"

RIGHTS = """
SELECT c.relname AS table, r.rolname AS role, p.privilege
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN pg_roles r CROSS JOIN unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND r.rolname IN ($1, $2)
  AND has_table_privilege(r.rolname, c.oid, p.privilege)
"""


async def tenant_tables(connection: asyncpg.Connection[asyncpg.Record]) -> frozenset[str]:
    """Every table that has a workspace_id."""
    return frozenset(row["table"] for row in await connection.fetch(COLUMNS) if row["tenant"])


async def problems(connection: asyncpg.Connection[asyncpg.Record], service: str) -> list[str]:
    """Everything that is wrong with the tables of `service`, by the catalog that `connection` sees."""
    tenant = await tenant_tables(connection)
    found = [*await _columns(connection), *await _policies(connection, service, tenant)]
    for row in await connection.fetch(UNIQUE):
        excepted = (row["table"], row["index"]) in EXCEPTIONS
        if row["table"] in tenant and "workspace_id" not in row["columns"] and not excepted:
            found.append(
                f"{row['table']}: unique index {row['index']} leaves workspace_id out, so it reaches across workspaces"
            )
    found += [
        f"{row['table']}: foreign key {row['key']} leaves workspace_id out, so a row may point across workspaces"
        for row in await connection.fetch(FOREIGN)
        if row["table"] in tenant and not row["within"]
    ]
    prefix = service.replace("-", "_")
    found += [
        f"{row['table']}: {row['role']} may {row['privilege']}, which no row policy restrains"
        for row in await connection.fetch(RIGHTS, f"{prefix}_app", f"{prefix}_sweep")
    ]
    return sorted(found)


async def _columns(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    found: list[str] = []
    for row in await connection.fetch(COLUMNS):
        table = row["table"]
        if not row["tenant"]:
            if table not in NOT_TENANT:
                found.append(f"{table}: has no workspace_id; say why in NOT_TENANT or give it one")
            continue
        if not row["required"] and (table, "workspace_id may be null") not in EXCEPTIONS:
            found.append(f"{table}: workspace_id may be null")
        if not row["forced"]:
            found.append(f"{table}: row security is not enabled and forced")
    return found


async def _policies(connection: asyncpg.Connection[asyncpg.Record], service: str, tenant: frozenset[str]) -> list[str]:
    app, sweep = f"{service.replace('-', '_')}_app", f"{service.replace('-', '_')}_sweep"
    found: list[str] = []
    protected: set[str] = set()
    for row in await connection.fetch(POLICIES):
        table, roles = row["table"], set(row["roles"])
        protected.add(table)
        if not roles <= {app, sweep} or (app in roles and sweep in roles):
            found.append(f"{table}: policy {row['name']} is for {sorted(roles)}, expected {app} or {sweep}")
        if app not in roles:
            continue
        for condition in (row["qual"], row["with_check"]):
            tied = condition is None or condition == SCOPE or condition.startswith(f"({SCOPE} AND ")
            if not tied and row["permissive"] == "PERMISSIVE":
                found.append(f"{table}: policy {row['name']} lets {app} see more than its workspace: {condition}")
    return [*found, *(f"{table}: has no policy" for table in tenant - protected)]
