"""Rights to tables, views and sequences: who has any, and that none goes past the row policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.columns import tenant_tables
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_NAME = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"

_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"

_GRANTS = f"""
SELECT {_NAME} AS object, c.relkind::text AS kind, NULL AS column, g.privilege_type AS verb, g.is_grantable AS passed_on,
       CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END AS role
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) AS g
WHERE g.grantee <> c.relowner AND {_OURS}
UNION ALL
SELECT {_NAME}, c.relkind::text, a.attname, g.privilege_type, g.is_grantable,
       CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
CROSS JOIN LATERAL aclexplode(a.attacl) AS g
WHERE g.grantee <> c.relowner AND {_OURS}
ORDER BY 1, 6, 4
"""

# What row policies restrain. TRUNCATE, REFERENCES, TRIGGER and MAINTAIN they do not.
RESTRAINED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """Rights that other roles than those that serve and the staff role have, or that reach past the row policies."""
    tenant = await tenant_tables(connection)
    found: list[Finding] = []
    for row in await connection.fetch(_GRANTS):
        role, right = row["role"], row["verb"]
        what = f"{role} may {right}" + (f" {row['column']}" if row["column"] else "")
        if role not in roles.runtime:
            found.append(Finding(row["object"], what, "; only the roles that serve and the staff role get rights"))
        if row["kind"] == "S":
            found.append(Finding(row["object"], what, ": the numbers of a sequence tell how much other workspaces do"))
        elif right not in RESTRAINED:
            found.append(Finding(row["object"], what, ", which no row policy restrains"))
        if row["passed_on"]:
            found.append(Finding(row["object"], what, " and may pass that on"))
        if role == roles.staff and (right != "SELECT" or row["column"] is None):
            found.append(Finding(row["object"], what, ": staff reads columns that are named one by one, and no more"))
        whole = row["column"] in {None, "workspace_id"}
        if role == roles.sweep and right == "UPDATE" and whole and row["object"] in tenant:
            found.append(Finding(row["object"], what, ": it could move rows from one workspace to another"))
    return found
