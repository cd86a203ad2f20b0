"""An audit log of many workspaces, one of them looked at: made by the database itself, with the words that the service would keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.ids import WorkspaceId
from database import Database, DatabaseSettings, MigrationSettings, Queries, migrate
from isolation.cost.ledger import into
from local.postgres import drop, provision
from local.postgres.connection import connected
from testkit.postgres import PASSWORDS, migration_folders

LOOKED_AT = WorkspaceId("org_lookedat")
OTHERS = 199
ACTORS = 40
TARGETS = 300
_FILL_SECONDS = 7200.0

# The entries of a workspace lie evenly in the same 35 days, however many it has: a page from so many days ago is then a page in every log.
# Types, people, sources and things are drawn independently and unevenly (the square of an even draw), so that combinations of them are as
# rare as chance has it.
_ENTRIES = """
INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
SELECT w.name,
       (lpad(to_hex((extract(epoch FROM t.moment) * 1000)::bigint), 12, '0')
           || '7' || substr(h.hex, 1, 3) || '8' || substr(h.hex, 4, 15))::uuid,
       (ARRAY['schedule.edited', 'report.exported', 'member.added', 'workspace.updated', 'integration.connected', 'schedule.created',
              'member.invited', 'member.removed', 'member.role_changed', 'billing.plan_changed', 'integration.disconnected',
              'schedule.deleted', 'billing.addon_purchased', 'billing.payment_failed'])[1 + floor(14 * d.a * d.a)::int],
       'user', 'user_' || floor($4 * d.b * d.b)::int, 'person' || floor($4 * d.b * d.b)::int || '@example.com',
       (ARRAY['web', 'api', 'webhook', 'system', 'schedule', 'mcp'])[1 + floor(6 * d.c * d.c)::int],
       'schedule', 'thing-' || floor($5 * d.d * d.d)::int,
       jsonb_build_object('status', jsonb_build_object('before', '"paused"', 'after', '"active"'),
                          'name', jsonb_build_object('after', '"word' || floor(2000 * d.e * d.e)::int || '"')),
       t.moment
FROM generate_series($1::int, $2::int) AS n
CROSS JOIN LATERAL (SELECT CASE WHEN n <= $3 THEN $6 ELSE 'org_other' || n % $7 END AS name) AS w
CROSS JOIN LATERAL (SELECT now() - n * ($8 / CASE WHEN n <= $3 THEN $3 ELSE $8 END) % $8 * interval '1 minute' AS moment) AS t
CROSS JOIN LATERAL (SELECT md5(n::text) AS hex) AS h
CROSS JOIN LATERAL (SELECT (hashint4extended(n, 1) & 65535) / 65536.0 AS a, (hashint4extended(n, 2) & 65535) / 65536.0 AS b,
                           (hashint4extended(n, 3) & 65535) / 65536.0 AS c, (hashint4extended(n, 4) & 65535) / 65536.0 AS d,
                           (hashint4extended(n, 5) & 65535) / 65536.0 AS e) AS d
"""

_WORDS = """
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT e.workspace_id, w.word, date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z'), (array_agg(e.id))[1], array_agg(e.id)
FROM entries e
CROSS JOIN LATERAL unnest(ARRAY['status', 'name', 'paused', 'active', trim('"' FROM e.diff -> 'name' ->> 'after')]) AS w (word)
GROUP BY e.workspace_id, w.word, date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z')
ORDER BY 1, 2, 3
"""

_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i
WHERE i.indrelid IN ('entries'::regclass, 'word_entries'::regclass)
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""

_PART = 250_000
_MINUTES = 50_000


def queries() -> Queries:
    """The statements of the audit service."""
    return Queries.of("database", "messaging", "audit")


@asynccontextmanager
async def filled(admin_url: str, name: str, entries: int, looked_at: int) -> AsyncIterator[Database]:
    """A migrated audit database with `entries` in all, of which `looked_at` are LOOKED_AT's; gone at the end."""
    dsns = await provision(admin_url, "audit", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("audit")))
        async with connected(into(admin_url, dsns.app)) as oracle:
            # Indexes that no constraint needs are built once the rows are there, which takes a third of the time.
            indexes = await oracle.fetch(_INDEXES)
            for row in indexes:
                await oracle.execute(f"DROP INDEX {row['name']}")
            for first in range(1, entries + 1, _PART):
                last = min(first + _PART - 1, entries)
                # The administrator is held back by no policy.
                given = (first, last, looked_at, ACTORS, TARGETS, LOOKED_AT, OTHERS, _MINUTES)
                await oracle.execute(_ENTRIES, *given, timeout=_FILL_SECONDS)
            await oracle.execute(_WORDS, timeout=_FILL_SECONDS)
            for row in indexes:
                # Of a partitioned table it would be made without its partitions.
                await oracle.execute(row["definition"].replace(" ON ONLY ", " ON "), timeout=_FILL_SECONDS)
            for table in ("entries", "word_entries"):
                await oracle.execute(f"VACUUM (ANALYZE) {table}", timeout=_FILL_SECONDS)
            await oracle.execute("CHECKPOINT", timeout=_FILL_SECONDS)
            # Whoever serves may not ask what statements have looked at; here that is what is measured.
            await oracle.execute("GRANT EXECUTE ON FUNCTION pg_stat_get_xact_blocks_fetched(oid) TO audit_app")
        db = await Database.open(DatabaseSettings(app_url=dsns.app, sweep_url=dsns.sweep), queries(), "audit")
        try:
            yield db
        finally:
            await db.close()
    finally:
        await drop(admin_url, name)
