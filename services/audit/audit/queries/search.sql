-- name: words_add
-- The words of entries' diffs; those that are there stay as they are.
INSERT INTO entry_words (workspace_id, word, occurred_at, id, type, source, actor_id, target_id)
SELECT :workspace_id, w.word, w.occurred_at, w.id, w.type, w.source, w.actor_id, w.target_id
FROM unnest(:words::text[], :times::timestamptz[], :ids::uuid[], :types::text[], :sources::text[], :actor_ids::text[], :target_ids::text[])
    AS w (word, occurred_at, id, type, source, actor_id, target_id)
ON CONFLICT (workspace_id, word, occurred_at, id) DO NOTHING;

-- name: words_remove
-- Forgets the words of erased entries.
DELETE FROM entry_words WHERE workspace_id = :workspace_id AND id = ANY(:ids::uuid[]);

-- name: names_keep_enter
-- Enters the workspace and keeps what people and things are called there, in one round trip; whoever was told of last is right. The row
-- policies are checked for each row as it is written, which is after the scope has been set.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true))
INSERT INTO entry_names (workspace_id, kind, id, name, told_at, told_by)
SELECT :workspace_id, n.kind, n.id, n.name, n.told_at, n.told_by
FROM scope CROSS JOIN unnest(:kinds::text[], :ids::text[], :names::text[], :times::timestamptz[], :events::uuid[]) AS n (kind, id, name, told_at, told_by)
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
