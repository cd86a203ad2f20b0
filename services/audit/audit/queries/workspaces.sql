-- name: workspace_keep
-- The zone of the workspace, unless something later is known.
INSERT INTO workspaces (workspace_id, timezone, sequence)
VALUES (:workspace_id, :timezone, :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET timezone = excluded.timezone, sequence = excluded.sequence
WHERE workspaces.workspace_id = :workspace_id AND workspaces.sequence < excluded.sequence;

-- name: workspace_timezone
-- The zone in which the workspace's days begin; no row while nothing has been told.
SELECT timezone FROM workspaces WHERE workspace_id = :workspace_id;
