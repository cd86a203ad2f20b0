-- name: entries_add
-- Adds entries, and their arrival at the log; one that is there already stays as it is and arrives no second time.
WITH added AS (
    INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at)
    SELECT :workspace_id, e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at,
        :recorded_at::timestamptz
    FROM unnest(:ids::uuid[], :types::text[], :actor_kinds::text[], :actor_ids::text[], :actor_emails::text[], :sources::text[],
        :target_kinds::text[], :target_ids::text[], :diffs::jsonb[], :times::timestamptz[])
        AS e (id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
    ON CONFLICT (workspace_id, id) DO NOTHING
    RETURNING id
)
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
SELECT :workspace_id, :arrival_id::uuid, array_agg(l.id ORDER BY l.place), string_agg(l.leaf, ''::bytea ORDER BY l.place), :epoch::integer
FROM unnest(:ids::uuid[], :leaves::bytea[]) WITH ORDINALITY AS l (id, leaf, place)
JOIN added a ON a.id = l.id
HAVING count(*) > 0;

-- name: entries_page
-- Entries older than a position, newest first.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at
FROM entries
WHERE workspace_id = :workspace_id AND (occurred_at, id) < (:before_time::timestamptz, :before_id::uuid)
ORDER BY occurred_at DESC, id DESC
LIMIT :size;

-- name: entries_page_of_type
-- Entries of one type older than a position, newest first.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at
FROM entries
WHERE workspace_id = :workspace_id AND type = :type AND (occurred_at, id) < (:before_time::timestamptz, :before_id::uuid)
ORDER BY occurred_at DESC, id DESC
LIMIT :size;

-- name: entries_count_by_type
-- How many entries of each type the workspace has.
SELECT type, count(*) AS entries
FROM entries
WHERE workspace_id = :workspace_id
GROUP BY type
ORDER BY type;
