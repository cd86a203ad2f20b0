"""Foreign keys: a row points at rows of its own workspace only, and stays there whatever happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.columns import tenant_tables
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

# `moves`: what happens to the row pointed at may change this row's workspace_id.
_FOREIGN = """
SELECT CASE n.nspname WHEN 'public' THEN t.relname ELSE n.nspname || '.' || t.relname END AS table,
       CASE m.nspname WHEN 'public' THEN f.relname ELSE m.nspname || '.' || f.relname END AS target, k.conname AS key,
       coalesce(pairs.within, false) AS within, coalesce(pairs.nullable, false) AND k.confmatchtype <> 'f' AS skipped,
       k.confupdtype NOT IN ('a', 'r')
           OR k.confdeltype IN ('n', 'd') AND (k.confdelsetcols IS NULL OR a.attnum = ANY (k.confdelsetcols)) AS moves,
       k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AS enforced
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace m ON m.oid = f.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'workspace_id'
LEFT JOIN LATERAL (
    SELECT true AS within, NOT here.attnotnull AS nullable
    FROM unnest(k.conkey, k.confkey) AS pair (here, there)
    JOIN pg_attribute here ON here.attrelid = k.conrelid AND here.attnum = pair.here AND here.attname = 'workspace_id'
    JOIN pg_attribute there ON there.attrelid = k.confrelid AND there.attnum = pair.there AND there.attname = 'workspace_id') pairs ON true
WHERE k.contype = 'f'
ORDER BY 1, 3
"""


async def findings(connection: Connection, _: Roles) -> list[Finding]:
    """Foreign keys from or to tenant tables that reach across workspaces, are not always checked, or move rows."""
    tenant = await tenant_tables(connection)
    found: list[Finding] = []
    for row in await connection.fetch(_FOREIGN):
        if row["table"] not in tenant and row["target"] not in tenant:
            continue
        wrong = {
            ("leaves workspace_id out", ", so a row may point across workspaces"): not row["within"],
            ("is not checked where workspace_id is null", ""): row["skipped"],
            ("may move a row to another workspace", " by what it does on update or delete"): row["within"]
            and row["moves"],
            ("is not enforced for all rows", ""): not row["enforced"],
        }
        found += [
            Finding(row["table"], f"foreign key {row['key']} {what}", more) for (what, more), so in wrong.items() if so
        ]
    return found
