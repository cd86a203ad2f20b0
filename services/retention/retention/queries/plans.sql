-- name: subscription
-- The workspace's plan.
SELECT plan, version, changed_at, anchored_at
FROM subscriptions
WHERE workspace_id = :workspace_id;

-- name: subscription_lock
-- The workspace's plan, locked until the transaction ends.
SELECT plan, version, changed_at, anchored_at
FROM subscriptions
WHERE workspace_id = :workspace_id
FOR UPDATE;

-- name: subscription_start
-- Puts a workspace that has no plan on one; no row when it has.
INSERT INTO subscriptions (workspace_id, plan, version, anchored_at)
VALUES (:workspace_id, :plan, 1, :anchored_at)
ON CONFLICT (workspace_id) DO NOTHING
RETURNING version, anchored_at;

-- name: subscription_change
-- Moves a workspace to another plan; no row when it is on it already.
UPDATE subscriptions
SET plan = :plan, version = version + 1, changed_at = now()
WHERE workspace_id = :workspace_id AND plan <> :plan
RETURNING version, anchored_at;

-- name: subscription_follow
-- Moves a workspace to the plan that follows from its payments, its months beginning by :anchored_at where that is given. No row when it is on
-- it already.
UPDATE subscriptions
SET plan = :plan, version = version + 1, anchored_at = coalesce(:anchored_at::timestamptz, anchored_at),
    changed_at = CASE WHEN plan = :plan THEN changed_at ELSE now() END
WHERE workspace_id = :workspace_id AND (plan <> :plan OR anchored_at <> coalesce(:anchored_at::timestamptz, anchored_at))
RETURNING version, anchored_at;

-- name: trial_end
-- Ends a trial that is older than so many days; no row for any other plan.
UPDATE subscriptions
SET plan = 'free', version = version + 1, changed_at = now()
WHERE workspace_id = :workspace_id AND plan = 'trial' AND changed_at <= now() - make_interval(days => :days::int)
RETURNING version, anchored_at;

-- name: workspace_keep
-- Keeps what was told last of the workspace.
INSERT INTO workspaces (workspace_id, name, timezone, sequence)
VALUES (:workspace_id, :name, :timezone, :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET name = excluded.name, timezone = excluded.timezone, sequence = excluded.sequence
WHERE workspaces.sequence < excluded.sequence;
