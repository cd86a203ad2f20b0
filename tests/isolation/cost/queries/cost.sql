-- name: entry_by_id
-- One entry.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at
FROM entries
WHERE workspace_id = :workspace_id AND id = :id;

-- name: entries_fill
-- Entries for every workspace in turn.
-- cross-workspace: the measurement's own data
INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
SELECT w.names[1 + n % cardinality(w.names)], gen_random_uuid(),
       (ARRAY['integration.connected', 'member.added', 'schedule.created', 'report.exported'])[1 + n / cardinality(w.names) % 4],
       'user', 'user_of_the_measurement', 'someone@example.com', 'web', 'report', 'report-' || n,
       '{"name": {"from": "before", "to": "after"}}', now() - n * interval '1 second'
FROM generate_series(1, :rows::int) n, (SELECT :workspace_ids::text[] AS names) w;

-- name: entry_ids
-- Some ids of each workspace.
-- cross-workspace: the measurement's own data
SELECT workspace_id, (array_agg(id))[1 : 20] AS ids FROM entries GROUP BY workspace_id;

-- name: server_process
-- The process that serves this connection, whichever workspace asks.
SELECT pg_backend_pid() AS id, :workspace_id::text AS workspace_id;
