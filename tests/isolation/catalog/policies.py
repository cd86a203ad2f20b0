"""Row policies: one at least for the application role, each of its policies tied to the scope, the sweep role's known and few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isolation.catalog.columns import tenant_tables
from isolation.catalog.exceptions import NO_POLICY, SWEPT
from isolation.catalog.expression import tied
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    import asyncpg

    from isolation.catalog.finding import Connection

_POLICIES = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS table, p.polname AS name,
       p.polcmd::text AS command, p.polpermissive AS permissive,
       ARRAY(SELECT CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r)::text END FROM unnest(p.polroles) AS r ORDER BY 1) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS seen, pg_get_expr(p.polwithcheck, p.polrelid) AS written
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2
"""

# Which commands look at rows that are there, and which at rows that come.
_SEES, _WRITES = frozenset("*rwd"), frozenset("*wa")


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """Tenant tables without a policy, and policies that let a role see or write more than its workspace."""
    found: list[Finding] = []
    protected: set[str] = set()
    for row in await connection.fetch(_POLICIES):
        given = set(row["roles"])
        if given - set(roles.runtime) or len(given) != 1:
            expected = f", expected {roles.app} or {roles.sweep}"
            found.append(Finding(row["table"], f"policy {row['name']} is for {sorted(given)}", expected))
        elif roles.sweep in given:
            found.append(Finding(row["table"], SWEPT, f" by policy {row['name']}; say why in EXCEPTIONS"))
        if row["permissive"] and roles.app in given:
            protected.add(row["table"])
        if row["permissive"] and given != {roles.sweep}:
            found += [Finding(row["table"], f"policy {row['name']} {what}") for what in _holes(row, roles.app)]
    unprotected = await tenant_tables(connection) - protected
    return [*found, *(Finding(table, NO_POLICY) for table in unprotected)]


def _holes(policy: asyncpg.Record, app: str) -> Iterator[str]:
    """PostgreSQL takes the condition on rows seen for rows written too where no other is given, except for INSERT."""
    command, seen, written = policy["command"], policy["seen"], policy["written"]
    if command in _SEES and seen is None:
        yield "has no USING"
    if command == "a" and written is None:
        yield "has no WITH CHECK"
    if command in _SEES and seen is not None and not tied(seen):
        yield f"lets {app} see more than its workspace: {seen}"
    if command in _WRITES and written is not None and not tied(written):
        yield f"lets {app} write into other workspaces: {written}"
