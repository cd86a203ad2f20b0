"""Mutants of what the database wall is built of: policies, row security, rights, roles, views and functions. Each is a bit of DDL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from database import Row
from isolation.mutants.rotation import rotated
from isolation.mutants.world import World

POLICIES = """
SELECT tablename AS table, policyname AS policy, qual, with_check FROM pg_policies
WHERE $1 = ANY (roles) AND permissive = 'PERMISSIVE' -- a restrictive one lets nobody see more, whatever it says
ORDER BY 1, 2
"""

_SETTING = "current_setting('app.workspace_id')"

CONDITIONS: Mapping[str, str] = {
    "true": "true",
    "or true": "({old}) OR true",
    "or is not null": "({old}) OR workspace_id IS NOT NULL",
    "or no scope": "({old}) OR current_setting('app.workspace_id', true) IS NULL",
    "or another role": "({old}) OR current_user = '{app}'",
    "or an administrator's setting": "({old}) OR coalesce(current_setting('app.admin', true), 'on') = 'on'",
    "negated": "NOT ({old})",
    "column with itself": "workspace_id = workspace_id",
    "setting with itself": f"{_SETTING} = {_SETTING}",
    "unequal": f"workspace_id <> {_SETTING}",
    "at least": f"workspace_id >= {_SETTING}",
    "like": f"workspace_id LIKE left({_SETTING}, 4) || '%'",
    "lower case prefix": f"left(lower(workspace_id), 4) = left(lower({_SETTING}), 4)",
    "is distinct from": f"workspace_id IS DISTINCT FROM {_SETTING}",
    "in a list": f"workspace_id IN ({_SETTING}, 'org_b')",
    "another setting": "workspace_id <> coalesce(current_setting('app.workspace', true), '')",
    "coalesce to the column": "workspace_id = coalesce(nullif(current_setting('app.other', true), ''), workspace_id)",
    "literal": "workspace_id = 'org_b'",
    "subquery": "workspace_id IN (SELECT x.workspace_id FROM inbox x) OR true",
}
"""What a policy's condition becomes, by operator."""

PLAIN_CONDITIONS = frozenset({"true", "or true", "negated", "column with itself"})

TABLES: Mapping[str, str] = {
    "row security disabled": "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "row security not forced": "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
    "one more policy": "CREATE POLICY more ON {table} TO {app} USING (true)",
    "one more policy for reading": "CREATE POLICY more ON {table} FOR SELECT TO {app} USING (true)",
    "one more policy for adding": "CREATE POLICY more ON {table} FOR INSERT TO {app} WITH CHECK (true)",
    "one more policy for all roles": "CREATE POLICY more ON {table} USING (true)",
    "owned by the application": "GRANT CREATE ON SCHEMA public TO {app}; ALTER TABLE {table} OWNER TO {app}",
    "owned by the sweep": "GRANT CREATE ON SCHEMA public TO {sweep}; ALTER TABLE {table} OWNER TO {sweep}",
    "truncate granted": "GRANT TRUNCATE ON {table} TO {app}",
    "references granted": "GRANT REFERENCES ON {table} TO {app}",
    "trigger granted": "GRANT TRIGGER ON {table} TO {app}",
    "everything granted": "GRANT ALL ON {table} TO {app}",
    "everything granted to everybody": "GRANT ALL ON {table} TO PUBLIC",
    "everything granted to the sweep": "GRANT ALL ON {table} TO {sweep}",
    "column renamed": "ALTER TABLE {table} RENAME workspace_id TO tenant",
    "copied": "CREATE TABLE copied AS TABLE {table}; GRANT SELECT ON copied TO {app}",
    "copied without its workspace": (
        "CREATE TABLE copied AS TABLE {table}; ALTER TABLE copied DROP workspace_id; GRANT SELECT ON copied TO {app}"
    ),
    "inherited": "CREATE TABLE heir () INHERITS ({table}); GRANT SELECT, INSERT ON heir TO {app}",
    "view with its owner's rights": (
        "ALTER TABLE {table} OWNER TO postgres; CREATE VIEW seen AS SELECT * FROM {table}; GRANT SELECT ON seen TO {app}"
    ),
    "view of a role that sees all": "CREATE VIEW seen AS SELECT * FROM {table}; GRANT SELECT ON seen TO {app}",
    "view that says it is no invoker": (
        "CREATE VIEW seen WITH (security_invoker = false) AS SELECT * FROM {table}; GRANT SELECT ON seen TO {app}"
    ),
    "view with a barrier only": (
        "CREATE VIEW seen WITH (security_barrier) AS SELECT * FROM {table}; GRANT SELECT ON seen TO {app}"
    ),
    "materialized view": "CREATE MATERIALIZED VIEW seen AS SELECT * FROM {table}; GRANT SELECT ON seen TO {app}",
    "function with its owner's rights": (
        "CREATE FUNCTION seen() RETURNS SETOF {table} LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM {table}'; "
        "GRANT EXECUTE ON FUNCTION seen() TO {app}"
    ),
    "trigger with its owner's rights": (
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "'BEGIN UPDATE {table} SET workspace_id = workspace_id; RETURN NEW; END'; "
        "CREATE TRIGGER noted AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION noted()"
    ),
}
"""By operator."""

PLAIN_TABLES = frozenset(
    {
        "row security disabled",
        "row security not forced",
        "one more policy",
        "owned by the application",
        "everything granted to everybody",
        "view of a role that sees all",
    }
)

SCHEMAS: Mapping[str, str] = {
    "create granted": "GRANT CREATE ON SCHEMA public TO {role}",
    "create granted to everybody": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "schema owned": "ALTER SCHEMA public OWNER TO {role}",
    "database owned": "ALTER DATABASE {database} OWNER TO {role}",
    "create granted on the database": "GRANT CREATE ON DATABASE {database} TO {role}",
    "another schema to create in": "CREATE SCHEMA elsewhere; GRANT CREATE ON SCHEMA elsewhere TO {role}",
    "member of the owner": "GRANT {owner} TO {role}",
    "member of a superuser": "GRANT postgres TO {role}",
    "reads all data": "GRANT pg_read_all_data TO {role}",
    "writes all data": "GRANT pg_write_all_data TO {role}",
    "reads the server's files": "GRANT pg_read_server_files TO {role}",
    "writes the server's files": "GRANT pg_write_server_files TO {role}",
    "runs the server's programs": "GRANT pg_execute_server_program TO {role}",
    "reads what others run": "GRANT pg_read_all_stats TO {role}",
    "superuser": "ALTER ROLE {role} SUPERUSER",
    "bypasses row security": "ALTER ROLE {role} BYPASSRLS",
    "creates roles": "ALTER ROLE {role} CREATEROLE",
    "creates databases": "ALTER ROLE {role} CREATEDB",
    "replicates": "ALTER ROLE {role} REPLICATION",
}
"""By operator, for each of the two runtime roles."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A mutant of the database: where, how, and the DDL that makes it."""

    place: str
    operator: str
    ddl: str


async def definitions(world: World) -> list[Definition]:
    """All of them for one service."""
    app = await world.both.fetch(POLICIES, world.app)
    sweep = await world.both.fetch(POLICIES, world.sweep)
    return [
        *(one for row in app for one in _of_application(world, row)),
        *(one for row in sweep for one in _of_sweep(world, row)),
        *_tables(world),
        *_roles(world),
    ]


def _of_application(world: World, row: Row) -> Iterator[Definition]:
    place, on = f"policy {row['policy']} on {row['table']}", f"POLICY {row['policy']} ON {row['table']}"
    for operator, condition in rotated(CONDITIONS, PLAIN_CONDITIONS, f"{world.service} {place}").items():
        for clause, old in (("USING", row["qual"]), ("WITH CHECK", row["with_check"])):
            if old is not None:
                new = condition.format(old=old, app=world.app)
                yield Definition(place, f"{clause} {operator}", f"ALTER {on} {clause} ({new})")
    yield Definition(place, "for all roles", f"ALTER {on} TO PUBLIC")
    yield Definition(place, "for the sweep as well", f"ALTER {on} TO {world.app}, {world.sweep}")


def _of_sweep(world: World, row: Row) -> Iterator[Definition]:
    place, on = f"policy {row['policy']} on {row['table']}", f"POLICY {row['policy']} ON {row['table']}"
    yield Definition(place, "for the application", f"ALTER {on} TO {world.app}")
    yield Definition(place, "for the application as well", f"ALTER {on} TO {world.app}, {world.sweep}")
    yield Definition(place, "for all roles", f"ALTER {on} TO PUBLIC")


def _tables(world: World) -> Iterator[Definition]:
    for table in world.columns:
        for operator, ddl in rotated(TABLES, PLAIN_TABLES, f"{world.service} {table}").items():
            yield Definition(f"table {table}", operator, ddl.format(table=table, app=world.app, sweep=world.sweep))


def _roles(world: World) -> Iterator[Definition]:
    for role in (world.app, world.sweep):
        for operator, ddl in SCHEMAS.items():
            filled = ddl.format(role=role, owner=world.owner, database=world.database)
            yield Definition(f"role {role}", operator, filled)
