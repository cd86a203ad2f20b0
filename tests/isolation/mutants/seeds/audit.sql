-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
SELECT '@w', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid, 'workspace.updated', 'user', 'user_1', '@w@example.com', 'web', 'workspace', '@w', '{}',
       '2026-01-01T00:00:00Z'
FROM generate_series(1, 3) AS n;
INSERT INTO entry_words (workspace_id, word, occurred_at, id, type, source, actor_id, target_id)
SELECT '@w', 'word' || n, '2026-01-01T00:00:00Z', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid, 'workspace.updated', 'web', 'user_1', '@w'
FROM generate_series(1, 3) AS n;
INSERT INTO entry_names (workspace_id, kind, id, name, told_at, told_by)
SELECT '@w', 'actor', 'user_' || n, '@w@example.com', '2026-01-01T00:00:00Z', ('0000000' || n || '-0000-4000-8000-000000000001')::uuid
FROM generate_series(1, 3) AS n;
INSERT INTO workspaces (workspace_id, timezone, sequence) VALUES ('@w', 'Asia/Tokyo', 1);
