"""Rights that nothing needs: each right of the roles that serve and of the staff role is taken away, and a statement has to miss it.

So a right that is granted by mistake is found, as an entry is that has lost its statement.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from database.queries import Statement
from isolation.catalog.finding import Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_RIGHTS = """
SELECT pg_get_userbyid(g.grantee)::text AS role, c.relname AS table, NULL AS column, g.privilege_type AS verb
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS g
WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> 0 AND pg_get_userbyid(g.grantee) = ANY ($1)
UNION ALL
SELECT pg_get_userbyid(g.grantee)::text, c.relname, a.attname, g.privilege_type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) AS g
WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> 0 AND pg_get_userbyid(g.grantee) = ANY ($1)
ORDER BY 1, 2, 4, 3
"""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on a table, or on one column of it."""

    role: str
    table: str
    verb: str
    column: str | None

    def __str__(self) -> str:
        """In words, for a message."""
        return f"{self.role} may {self.verb} {self.table}{f'.{self.column}' if self.column else ''}"

    @property
    def revoke(self) -> str:
        """The statement that takes it away."""
        return f'REVOKE {self.verb} {f"({self.column})" if self.column else ""} ON "{self.table}" FROM "{self.role}"'


async def needless(admin: Connection, service: str, statements: Iterable[Statement]) -> list[Right]:
    """The rights that no statement needs. `admin` is a superuser's connection to the service's database; all is undone in the end."""
    names = Roles.of(service)
    by_role: dict[str, list[Statement]] = {role: [] for role in names.runtime}
    for statement in statements:
        for role in _roles(names, statement):
            by_role[role].append(statement)
    rights = [
        Right(row["role"], row["table"], row["verb"], row["column"])
        for row in await admin.fetch(_RIGHTS, names.runtime)
    ]
    await admin.execute("BEGIN")
    await admin.execute("SET LOCAL app.workspace_id = 'org_none'; SET LOCAL app.report_floor = '-infinity'")
    await admin.execute(f"SET LOCAL app.staff = 'nobody'; SET LOCAL app.staff_grant = '{uuid.UUID(int=0)}'")
    found = [right for right in rights if not await _missed(admin, right, by_role[right.role])]
    await admin.execute("ROLLBACK")
    return found


def _roles(names: Roles, statement: Statement) -> list[str]:
    """Who runs a statement: the questions of staff are asked by nobody else, and whether a grant is in force by staff alone."""
    staff = bool(statement.told_to_admins) or statement.name == "staff_grant_in_force"
    if staff:
        return [names.staff] if names.staff else []
    return [names.sweep if statement.crosses_workspaces else names.app]


async def _missed(admin: Connection, right: Right, statements: Iterable[Statement]) -> bool:
    """Whether a statement is refused once `right` is gone."""
    await admin.execute(f'SAVEPOINT taken; {right.revoke}; SET LOCAL ROLE "{right.role}"')
    try:
        for statement in statements:
            if re.search(rf"\b{right.table}\b", statement.sql):
                await admin.execute(f"EXPLAIN (GENERIC_PLAN) {statement.sql}")
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await admin.execute("ROLLBACK TO taken")
    return False
