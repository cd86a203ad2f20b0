"""Row policies: one at least for the application role, each of its policies tied to the scope, the sweep role's known and few.

Those of the staff role are tied to the scope as well, only let read, and ask for a grant that is in force.
"""

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

_SCOPE = "current_setting('app.workspace_id'::text)"

# As PostgreSQL prints them: the one grant that was entered, while it is in force; and what is open while there is one.
_GRANT_IN_FORCE = (
    f"((workspace_id = {_SCOPE}) AND (grant_id = (current_setting('app.staff_grant'::text))::uuid)"
    " AND (staff = current_setting('app.staff'::text)) AND (NOT ended) AND (expires_at > clock_timestamp()))"
)
_WITH_A_GRANT = (
    f"((workspace_id = {_SCOPE}) AND (EXISTS ( SELECT\n   FROM known_staff_grants g\n"
    f"  WHERE (g.workspace_id = {_SCOPE}))))"
)


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
            whose = roles.staff if roles.staff in given else roles.app
            found += [Finding(row["table"], f"policy {row['name']} {what}") for what in _holes(row, str(whose))]
        if roles.staff in given and (row["command"] != "r" or row["seen"] not in {_GRANT_IN_FORCE, _WITH_A_GRANT}):
            what = f"policy {row['name']} opens something to {roles.staff} without a grant in force"
            found.append(Finding(row["table"], what, f": {row['seen']}"))
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
