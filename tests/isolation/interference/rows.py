"""A workspace's rows in all tables of a service, without what differs by nature: times and how long things took, ciphertexts, numbers of
sequences."""

from __future__ import annotations

from isolation.interference.world import World

# Seen at the end of each chapter; the outbox is compared operation by operation, and the relay's lease is nobody's.
_COLUMNS = """
SELECT c.relname AS table, array_agg(a.attname::text) FILTER (
    WHERE a.atttypid IN ('timestamptz'::regtype, 'bytea'::regtype) OR a.attidentity <> '' OR a.attname = 'took_ms') AS left_out
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id')
GROUP BY c.relname
ORDER BY c.relname
"""


async def rows_of(world: World, service: str, workspace_id: str) -> dict[str, bytes]:
    """Each table's rows as text, in the order of that text."""
    found: dict[str, bytes] = {}
    for table in await world.sql(service, _COLUMNS):
        name, left_out = table["table"], table["left_out"] or []
        rows = await world.sql(
            service,
            f'SELECT (to_jsonb(t) - $2::text[])::text AS row FROM "{name}" t WHERE workspace_id = $1 ORDER BY 1',
            workspace_id,
            left_out,
        )
        found[name] = "\n".join(row["row"] for row in rows).encode()
    return found
