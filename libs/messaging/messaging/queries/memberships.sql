-- name: membership_read
-- Somebody's place in the workspace as ingest told it last; no row for somebody nothing was told of.
SELECT present, role
FROM memberships
WHERE workspace_id = :workspace_id AND user_id = :user_id;

-- name: membership_save
-- Notes what ingest says of somebody, unless something later is known.
INSERT INTO memberships AS known (workspace_id, user_id, present, role, sequence)
VALUES (:workspace_id, :user_id, :present, :role, :sequence)
ON CONFLICT (workspace_id, user_id) DO UPDATE
SET present = excluded.present, role = excluded.role, sequence = excluded.sequence
WHERE known.sequence < excluded.sequence;
