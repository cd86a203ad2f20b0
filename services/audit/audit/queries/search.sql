-- name: words_add
-- The words of diffs of entries that are in the log; those that are there stay as they are.
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT :workspace_id, w.word, w.since, w.id, ARRAY[w.id]
FROM (
    SELECT g.word, date_bin('1 second', g.occurred_at, '2000-01-01T00:00:00Z') AS since, g.id
    FROM unnest(:words::text[], :times::timestamptz[], :ids::uuid[]) AS g (word, occurred_at, id)) w
WHERE NOT EXISTS (
    SELECT FROM word_entries k
    WHERE k.workspace_id = :workspace_id AND k.word = w.word AND k.since = w.since AND w.id = ANY(k.entries))
ON CONFLICT (workspace_id, word, since, arrival_id) DO NOTHING;

-- name: words_remove
-- Forgets the words of erased entries; what is left of a row becomes a new one.
WITH gone AS (
    DELETE FROM word_entries
    WHERE workspace_id = :workspace_id AND entries && :ids::uuid[]
    RETURNING word, since, entries
)
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT :workspace_id, g.word, g.since, :arrival_id::uuid, array_agg(u.id)
FROM gone g
CROSS JOIN LATERAL unnest(g.entries) AS u (id)
WHERE u.id <> ALL(:ids::uuid[])
GROUP BY g.word, g.since;

-- name: names_keep_enter
-- Enters the workspace and keeps what people and things are called there, in one round trip; whoever was told of last is right. That a person
-- is still called the same is noted once an hour: it is told with each entry. The row policies are checked for each row as it is written, and
-- what is known is looked up for each, which is after the scope has been set.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true) AS workspace_id)
INSERT INTO entry_names (workspace_id, kind, id, name, told_at, told_by)
SELECT :workspace_id, n.kind, n.id, n.name, n.told_at, n.told_by
FROM scope CROSS JOIN unnest((string_to_array(:kinds::text, :mark::text))[2:], (string_to_array(:ids::text, :mark::text))[2:],
    (string_to_array(:names::text, :mark::text))[2:], :times::timestamptz[], :events::uuid[])
    AS n (kind, id, name, told_at, told_by)
WHERE (SELECT NOT EXISTS (
    SELECT FROM entry_names k
    WHERE k.workspace_id = :workspace_id AND k.kind = n.kind AND k.id = n.id AND scope.workspace_id <> ''
      AND k.kind = 'actor' AND k.name = n.name AND k.told_at > n.told_at - interval '1 hour'))
ON CONFLICT (workspace_id, kind, id) DO UPDATE
SET name = excluded.name, told_at = excluded.told_at, told_by = excluded.told_by
WHERE entry_names.workspace_id = :workspace_id AND (entry_names.told_at, entry_names.told_by) < (excluded.told_at, excluded.told_by);

-- name: names_of
-- What some are called.
SELECT n.kind, n.id, n.name
FROM unnest(:kinds::text[], :ids::text[]) AS asked (kind, id)
JOIN entry_names n ON n.workspace_id = :workspace_id AND n.kind = asked.kind AND n.id = asked.id;

-- name: names_called
-- Who and what is called so.
SELECT kind, id FROM entry_names WHERE workspace_id = :workspace_id AND name = :name ORDER BY kind, id LIMIT :most;

-- name: names_of_kind
-- Those of one kind, by name.
SELECT id, name FROM entry_names WHERE workspace_id = :workspace_id AND kind = :kind ORDER BY name, id LIMIT :most;

-- name: names_remove
-- Forgets what erased people or things were called.
DELETE FROM entry_names WHERE workspace_id = :workspace_id AND id = ANY(:ids::text[]);
