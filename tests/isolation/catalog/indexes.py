"""Unique and exclusion constraints: none may reach across workspaces, or a refusal would tell what another workspace holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.columns import tenant_tables
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

# Only key columns count: one that is merely INCLUDEd makes nothing unique within a workspace. An exclusion constraint has to compare
# workspaces with the plain `=` of text.
_UNIQUE = """
SELECT CASE n.nspname WHEN 'public' THEN t.relname ELSE n.nspname || '.' || t.relname END AS table, i.relname AS index,
       EXISTS (
           SELECT FROM generate_series(0, x.indnkeyatts - 1) AS place
           JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[place]
           LEFT JOIN pg_collation l ON l.oid = x.indcollation[place]
           WHERE a.attname = 'workspace_id' AND coalesce(l.collisdeterministic, true)
             AND (NOT x.indisexclusion OR k.conexclop[place + 1] = 'pg_catalog.=(text,text)'::regoperator)) AS within,
       x.indisvalid AND x.indisready AS ready
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')
WHERE (x.indisunique OR x.indisprimary OR x.indisexclusion)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2
"""


async def findings(connection: Connection, _: Roles) -> list[Finding]:
    """Unique indexes of tenant tables without workspace_id, and ones that are not in force."""
    tenant = await tenant_tables(connection)
    found: list[Finding] = []
    for row in await connection.fetch(_UNIQUE):
        if row["table"] not in tenant:
            continue
        if not row["within"]:
            what = f"unique index {row['index']} leaves workspace_id out"
            found.append(Finding(row["table"], what, ", so it reaches across workspaces"))
        if not row["ready"]:
            found.append(Finding(row["table"], f"unique index {row['index']} is not in force"))
    return found
