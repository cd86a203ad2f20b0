"""The database, its schemas and languages, and what objects made later will grant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_OWNER = """
SELECT 'database ' || datname AS object, pg_get_userbyid(datdba)::text AS owner FROM pg_database WHERE datname = current_database()
UNION ALL
SELECT 'schema ' || nspname, pg_get_userbyid(nspowner)::text FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""

_CREATE = """
SELECT 'database ' || current_database() AS object, r.rolname AS role, p.verb
FROM pg_roles r CROSS JOIN unnest(ARRAY['CREATE', 'TEMP']) AS p (verb)
WHERE r.rolname = ANY ($1) AND has_database_privilege(r.oid, current_database(), p.verb)
UNION ALL
SELECT 'schema ' || n.nspname, r.rolname, 'CREATE'
FROM pg_roles r CROSS JOIN pg_namespace n
WHERE r.rolname = ANY ($1) AND has_schema_privilege(r.oid, n.oid, 'CREATE')
UNION ALL
SELECT 'language ' || l.lanname, r.rolname, 'write code in it'
FROM pg_roles r CROSS JOIN pg_language l
WHERE r.rolname = ANY ($1) AND l.lanname = 'plpgsql' AND has_language_privilege(r.oid, l.oid, 'USAGE')
ORDER BY 1, 2, 3
"""

_ENTERED = """
SELECT 'database ' || d.datname AS object, g.privilege_type AS verb,
       CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END AS role
FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS g
WHERE d.datname = current_database()
UNION ALL
SELECT 'schema ' || n.nspname, g.privilege_type, CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS g
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 3, 2
"""

# Functions are open to everybody unless the owner's default says otherwise; a default grant to anybody would be found out too late.
_DEFAULTS = """
SELECT pg_get_userbyid(d.defaclrole)::text AS maker, d.defaclobjtype::text AS kind,
       CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END AS role, g.privilege_type AS verb
FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS g
WHERE g.grantee <> d.defaclrole
ORDER BY 1, 2, 3
"""

_CLOSED = """
SELECT k.kind FROM unnest(ARRAY['f', 'T']) AS k (kind)
WHERE NOT EXISTS (
    SELECT FROM pg_default_acl d
    WHERE pg_get_userbyid(d.defaclrole) = $1 AND d.defaclnamespace = 0 AND d.defaclobjtype::text = k.kind)
"""

_KINDS = {"f": "functions", "T": "types"}


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """Rights to make objects, or to enter, that a role has without need; and what is granted by default."""
    found = [
        Finding(row["object"], f"belongs to {row['owner']}", f", expected {roles.owner}")
        for row in await connection.fetch(_OWNER)
        if row["owner"] != roles.owner
    ]
    found += [
        Finding(row["object"], f"{row['role']} may {row['verb']}")
        for row in await connection.fetch(_CREATE, roles.runtime)
    ]
    found += [
        Finding(row["object"], f"{row['role']} has {row['verb']}", "; only the roles of the service get in")
        for row in await connection.fetch(_ENTERED)
        if row["role"] not in {roles.owner, *roles.runtime}
    ]
    found += [
        Finding(row["maker"], f"grants {row['verb']} on what it makes (kind {row['kind']}) to {row['role']} by default")
        for row in await connection.fetch(_DEFAULTS)
    ]
    return found + [
        Finding(roles.owner, f"makes {_KINDS[row['kind']]} that everybody may use by default")
        for row in await connection.fetch(_CLOSED, roles.owner)
    ]
