"""Things of the database as a whole that carry rows elsewhere: publications, subscriptions, event triggers, large objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.catalog.finding import Finding, Roles

if TYPE_CHECKING:
    from isolation.catalog.finding import Connection

_OBJECTS = """
SELECT pubname AS name, 'is a publication: its subscribers get every workspace''s rows' AS what FROM pg_publication
UNION ALL SELECT evtname, 'is an event trigger' FROM pg_event_trigger
UNION ALL SELECT srvname, 'is a foreign server' FROM pg_foreign_server
UNION ALL SELECT 'large object ' || oid, 'belongs to no workspace' FROM pg_largeobject_metadata
UNION ALL SELECT s.stxname, 'keeps statistics of several columns, which roles may read'
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1
"""


async def findings(connection: Connection, _: Roles) -> list[Finding]:
    """Objects past which row policies cannot look."""
    return [Finding(row["name"], row["what"]) for row in await connection.fetch(_OBJECTS)]
