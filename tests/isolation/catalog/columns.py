"""Tables: who has a workspace, and whether row security is forced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.exceptions import MAY_BE_NULL, NO_WORKSPACE
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

# Partitions, and tables that inherit, are tables like any other here: a query that names one directly meets its own policies only.
_COLUMNS = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS table,
       a.attname IS NOT NULL AS tenant, a.attnotnull AS required, a.atttypid = 'text'::regtype AS text,
       coalesce(l.collisdeterministic, true) AS exact, a.attgenerated <> '' OR a.attidentity <> '' AS generated,
       a.atthasdef AS defaulted, c.relrowsecurity AND c.relforcerowsecurity AS forced,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p') AS keyed
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1
"""


async def tenant_tables(connection: Connection) -> frozenset[str]:
    """Every table that has a workspace_id."""
    return frozenset(row["table"] for row in await connection.fetch(_COLUMNS) if row["tenant"])


async def findings(connection: Connection, _: Roles) -> list[Finding]:
    """Tables without workspace_id, or whose workspace_id or row security lets something through."""
    found: list[Finding] = []
    for row in await connection.fetch(_COLUMNS):
        if not row["tenant"]:
            found.append(Finding(row["table"], NO_WORKSPACE, "; say why in EXCEPTIONS or give it one"))
            continue
        wrong = {
            MAY_BE_NULL: not row["required"],
            "workspace_id is not text": not row["text"],
            "workspace_id has a collation to which different ids are equal": not row["exact"],
            "workspace_id is made by the table; it comes from the scope": row["generated"] or row["defaulted"],
            "row security is not enabled and forced": not row["forced"],
            "has no primary key": not row["keyed"],
        }
        found += [Finding(row["table"], what) for what, so in wrong.items() if so]
    return found
