"""What runs inside the database: views, functions, triggers and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.exceptions import EXTENSIONS, TRIGGERS
from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    import asyncpg

    from isolation.catalog.finding import Connection

_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"

_RELATIONS = f"""
SELECT c.relname AS name, c.relkind::text AS kind,
       ARRAY(SELECT option_name FROM pg_options_to_table(c.reloptions)
             WHERE option_name LIKE 'security%' AND option_value::boolean) AS options
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm', 'f') AND {_OURS}
ORDER BY 1
"""

_FUNCTIONS = f"""
SELECT p.oid::regprocedure::text AS name, p.prosecdef AS definer, p.proleakproof AS leakproof, l.lanname AS language,
       l.lanname IN ('sql', 'plpgsql') AS trusted,
       coalesce(p.proconfig, ARRAY[]::text[]) AS settings,
       ARRAY(SELECT CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END
             FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
             WHERE g.privilege_type = 'EXECUTE' AND g.grantee <> p.proowner) AS callers
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE {_OURS} AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""

_TRIGGERS = f"""
SELECT c.relname AS table, t.tgname AS name, t.tgisinternal AS internal, t.tgfoid::regprocedure::text AS function, t.tgenabled <> 'O' AS off
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND (NOT t.tgisinternal OR t.tgenabled <> 'O')
ORDER BY 1, 2
"""

_RULES = f"""
SELECT c.relname AS table, r.rulename AS name
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS} AND r.rulename <> '_RETURN'
ORDER BY 1, 2
"""

_EXTENSIONS = "SELECT extname AS name FROM pg_extension ORDER BY 1"


async def findings(connection: Connection, roles: Roles) -> list[Finding]:
    """Code that would run with rights other than its caller's, or that rewrites what a statement says."""
    found = [one for row in await connection.fetch(_RELATIONS) for one in _of_relation(row)]
    found += [one for row in await connection.fetch(_FUNCTIONS) for one in _of_function(row, roles)]
    for row in await connection.fetch(_TRIGGERS):
        if row["function"] in TRIGGERS and not row["off"]:
            continue
        what = (
            f"a trigger of a foreign key is off: {row['name']}" if row["internal"] else f"has a trigger {row['name']}"
        )
        found.append(Finding(row["table"], what, "; statements must do what they say, no more and no less"))
    found += [Finding(row["table"], f"has a rule {row['name']}") for row in await connection.fetch(_RULES)]
    return found + [
        Finding(row["name"], "is an extension that nobody has looked at", "; say why it is harmless in EXTENSIONS")
        for row in await connection.fetch(_EXTENSIONS)
        if row["name"] not in EXTENSIONS
    ]


def _of_relation(row: asyncpg.Record) -> list[Finding]:
    if row["kind"] == "m":
        return [Finding(row["name"], "is a materialized view, which has no row policies")]
    if row["kind"] == "f":
        return [Finding(row["name"], "is a foreign table, which row policies do not restrain")]
    return [
        Finding(row["name"], f"is a view that is not {option}")
        for option in ("security_invoker", "security_barrier")
        if option not in row["options"]
    ]


def _of_function(row: asyncpg.Record, roles: Roles) -> list[Finding]:
    settings = dict(entry.split("=", 1) for entry in row["settings"])
    others = sorted(set(row["callers"]) - set(roles.runtime))
    wrong = {
        "is SECURITY DEFINER without a search_path that ends in pg_temp": row["definer"]
        and not _fixed(settings.get("search_path", "")),
        "is LEAKPROOF: it would be called on rows that a policy hides": row["leakproof"],
        f"is written in {row['language']}": not row["trusted"],
        f"may be called by {others}": bool(others),
        "changes settings that row policies depend on": bool({"row_security", "role"} & settings.keys())
        or any(name.startswith("app.") for name in settings),
    }
    return [Finding(row["name"], what) for what, so in wrong.items() if so]


def _fixed(search_path: str) -> bool:
    """Whether nobody else's objects can be found on the path: a temporary schema that is not named would come first."""
    schemas = [schema.strip().strip('"') for schema in search_path.split(",")]
    return schemas[-1] == "pg_temp" and "$user" not in schemas
