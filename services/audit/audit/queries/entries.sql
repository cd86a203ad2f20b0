-- name: entries_add
-- Adds entries, and their arrival at the log; one that is there already stays as it is and arrives no second time. They come as one JSON
-- array: to put a few texts into an array each for each column takes the client longer than all the rest.
WITH given AS MATERIALIZED (
    SELECT e.*
    FROM json_to_recordset(:entries::json)
        AS e (place integer, id uuid, type text, actor_kind text, actor_id text, actor_email text, source text, target_kind text, target_id text,
              diff jsonb, occurred_at timestamptz, leaf bytea)
), added AS (
    INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at)
    SELECT :workspace_id, g.id, g.type, g.actor_kind, g.actor_id, g.actor_email, g.source, g.target_kind, g.target_id, g.diff, g.occurred_at,
        :recorded_at::timestamptz
    FROM given g
    ON CONFLICT (workspace_id, id) DO NOTHING
    RETURNING id
)
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
SELECT :workspace_id, :arrival_id::uuid, array_agg(g.id ORDER BY g.place), string_agg(g.leaf, ''::bytea ORDER BY g.place), :epoch::integer
FROM given g
JOIN added a ON a.id = g.id
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
