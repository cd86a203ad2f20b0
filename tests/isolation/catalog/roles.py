"""The roles themselves: no flag that bypasses, no membership, nothing owned, no settings of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_FLAGS = """
SELECT r.rolname AS role, f.flag
FROM pg_roles r CROSS JOIN LATERAL (VALUES
    (r.rolsuper, 'is a superuser'), (r.rolbypassrls, 'has BYPASSRLS'), (r.rolcreatedb, 'may create databases'),
    (r.rolcreaterole, 'may create roles'), (r.rolreplication, 'may replicate')) AS f (so, flag)
WHERE r.rolname = ANY ($1) AND f.so
ORDER BY 1, 2
"""

_MEMBER = """
SELECT pg_get_userbyid(member)::text AS role, pg_get_userbyid(roleid)::text AS whole
FROM pg_auth_members WHERE pg_get_userbyid(member) = ANY ($1)
ORDER BY 1, 2
"""

# pg_shdepend knows the owner of every kind of object there is, large objects included.
_OWNED = """
SELECT r.rolname AS role, count(*) AS objects, min(pg_describe_object(d.classid, d.objid, d.objsubid)) AS one
FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND r.rolname = ANY ($1)
  AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
GROUP BY 1 ORDER BY 1
"""

_SETTINGS = """
SELECT coalesce(r.rolname, 'every role') AS role, s.entry
FROM pg_db_role_setting k LEFT JOIN pg_roles r ON r.oid = k.setrole CROSS JOIN LATERAL unnest(k.setconfig) AS s (entry)
WHERE (k.setrole = 0 OR r.rolname = ANY ($1))
  AND k.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND s.entry ~ '^(app\\.|row_security=|search_path=|role=|session_replication_role=)'
ORDER BY 1, 2
"""

_PARAMETERS = """
SELECT CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END AS role, p.parname AS name
FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) AS g
WHERE g.grantee = 0 OR pg_get_userbyid(g.grantee) = ANY ($1)
ORDER BY 1, 2
"""


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """What a role of the service is or has beyond logging in."""
    every = [roles.owner, *roles.runtime]
    found = [Finding(row["role"], row["flag"]) for row in await connection.fetch(_FLAGS, every)]
    found += [Finding(row["role"], f"is a member of {row['whole']}") for row in await connection.fetch(_MEMBER, every)]
    found += [
        Finding(row["role"], f"owns {row['one']}", f" ({row['objects']} objects in all)")
        for row in await connection.fetch(_OWNED, roles.runtime)
    ]
    found += [
        Finding(row["role"], f"starts with the setting {row['entry'].partition('=')[0]}")
        for row in await connection.fetch(_SETTINGS, every)
    ]
    return found + [
        Finding(row["role"], f"may set the parameter {row['name']}")
        for row in await connection.fetch(_PARAMETERS, every)
    ]
