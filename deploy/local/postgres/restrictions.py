"""What the roles of a service may not do, where PostgreSQL lets everybody by default.

A database belongs to its `<db>_owner`, but the system's own functions belong to the server's superuser: an administrator that is none
(Cloud SQL's `postgres`) cannot close them. `restrict_system` then says how many stay open; the walls in front hold without it: there is no
SQL but the checked statements, which use none of these functions, and customers' words are parameters, never part of a statement's text.
"""

from contracts.registry import STAFFED
from local.postgres.connection import Connection

CLOSED_FUNCTIONS = (
    "^("
    # Large objects belong to no table, so no policy restrains them: a role would share them between workspaces.
    "lo_.*|loread|lowrite"
    # What other sessions are doing, and their statements' texts; how many rows of which table come and go.
    "|pg_stat_get_.*|pg_lock_status|pg_prepared_xact|pg_(blocking|safe_snapshot_blocking)_pids"
    # Ending other sessions of the same role, and speaking to them past all tables.
    "|pg_cancel_backend|pg_terminate_backend|pg_notify|pg_logical_emit_message|pg_export_snapshot"
    # How much all workspaces together hold.
    "|pg_(relation|total_relation|table|indexes|database|tablespace)_size"
    ")$"
)
"""Names in pg_catalog, as a regular expression of PostgreSQL."""

CLOSED_RELATIONS = ("pg_stat_activity", "pg_locks", "pg_prepared_xacts")
"""Views and tables in pg_catalog that only show what the functions above would."""

_OPEN = """
SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ $1 AND has_function_privilege('public', p.oid, 'EXECUTE')
"""


def kinds(roles: str) -> tuple[str, ...]:
    """The roles of the service whose roles' names begin with `roles`: the owner first, then those that serve."""
    return ("owner", "app", "sweep", *(("staff",) if roles in STAFFED else ()))


async def restrict_database(connection: Connection, database: str, roles: str) -> None:
    """Only the service's roles get in, and nobody but the owner makes anything, temporary tables included. Not copied with a template."""
    await connection.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')
    for kind in kinds(roles)[1:]:
        await connection.execute(f'REVOKE ALL ON DATABASE "{database}" FROM "{roles}_{kind}"')
    for kind in kinds(roles):
        await connection.execute(f'GRANT CONNECT ON DATABASE "{database}" TO "{roles}_{kind}"')


async def restrict_schema(connection: Connection, roles: str) -> None:
    """The owner's schema: others may use what they are granted, and get nothing by default. Copied with a template."""
    owner = f"{roles}_owner"
    await connection.execute(f'ALTER SCHEMA public OWNER TO "{owner}"')
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    serving = ", ".join(f'"{roles}_{kind}"' for kind in kinds(roles)[1:])
    await connection.execute(f"GRANT USAGE ON SCHEMA public TO {serving}")
    for things in ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES"):
        await connection.execute(f'ALTER DEFAULT PRIVILEGES FOR ROLE "{owner}" REVOKE ALL ON {things} FROM PUBLIC')


async def restrict_system(connection: Connection, roles: str) -> int:
    """Close what shows other sessions or stands outside of all tables; how many functions stay open. Copied with a template.

    0 for a superuser; an administrator that is none changes nothing here.
    """
    functions = [row[0] for row in await connection.fetch(_OPEN, CLOSED_FUNCTIONS)]
    if not await is_superuser(connection):
        return len(functions)
    # Monitoring goes on, for roles that are made for it.
    if functions:
        await connection.execute(f"REVOKE EXECUTE ON FUNCTION {', '.join(functions)} FROM PUBLIC")
        await connection.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(functions)} TO pg_read_all_stats")
    relations = ", ".join(CLOSED_RELATIONS)
    await connection.execute(f"REVOKE ALL ON {relations} FROM PUBLIC; GRANT SELECT ON {relations} TO pg_read_all_stats")
    # Code sent along with a statement (DO) is code that no checker has seen; migrations may.
    await connection.execute("REVOKE ALL ON LANGUAGE plpgsql, sql FROM PUBLIC")
    await connection.execute(f'GRANT USAGE ON LANGUAGE plpgsql, sql TO "{roles}_owner"')
    return 0


async def is_superuser(connection: Connection) -> bool:
    """Whether the administrator is one; Cloud SQL's is not."""
    answer: bool = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return answer
