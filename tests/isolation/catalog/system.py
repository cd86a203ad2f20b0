"""PostgreSQL's own functions and views that show other sessions or keep things outside of all tables: closed to the roles that serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.finding import Finding, Roles
from local.postgres.restrictions import CLOSED_FUNCTIONS, CLOSED_RELATIONS

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS object, r.rolname AS role
FROM pg_proc p CROSS JOIN pg_roles r
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ $1 AND r.rolname = ANY ($2)
  AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
ORDER BY 1, 2
"""

_RELATIONS = """
SELECT c.relname AS object, r.rolname AS role
FROM pg_class c CROSS JOIN pg_roles r
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname = ANY ($1) AND r.rolname = ANY ($2)
  AND has_table_privilege(r.oid, c.oid, 'SELECT')
ORDER BY 1, 2
"""


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """Functions and views of the system that a role that serves could still use."""
    functions = await connection.fetch(_FUNCTIONS, CLOSED_FUNCTIONS, roles.runtime)
    relations = await connection.fetch(_RELATIONS, list(CLOSED_RELATIONS), roles.runtime)
    return [Finding(row["object"], f"{row['role']} may use it") for row in (*functions, *relations)]
