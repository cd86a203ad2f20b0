-- name: data_key_add
-- Keeps a workspace's data key unless there is one.
INSERT INTO data_keys (workspace_id, wrapped)
VALUES (:workspace_id, :wrapped)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: data_key
-- The workspace's wrapped data key.
SELECT wrapped
FROM data_keys
WHERE workspace_id = :workspace_id;
