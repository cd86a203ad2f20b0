-- name: staff_plan
-- staff: Which plan the workspace is on, and since when
SELECT plan, version, changed_at, anchored_at
FROM subscriptions
WHERE workspace_id = :workspace_id
LIMIT :most;
