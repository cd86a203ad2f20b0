-- name: report_floor_enter
-- Hides from the rest of the transaction what is older than the workspace's window. Runs with each scope's first round trip. Without a
-- plan, and without the default for such workspaces, everything is hidden.
SELECT set_config('app.report_floor', coalesce(
    (SELECT CASE window_days WHEN 0 THEN '-infinity'::timestamptz ELSE now() - make_interval(days => window_days) END
     FROM plans WHERE workspace_id = :workspace_id),
    (SELECT CASE window_days WHEN 0 THEN '-infinity'::timestamptz ELSE now() - make_interval(days => window_days) END
     FROM default_plan),
    'infinity'::timestamptz)::text, true);

-- name: plan_of_workspace
-- The workspace's plan; no row when nothing has been told about it yet.
SELECT plan, window_days, monthly_calls, concurrent_runs, models
FROM plans
WHERE workspace_id = :workspace_id;

-- name: plan_by_default
-- The plan of a workspace whose own is not known.
SELECT plan, window_days, monthly_calls, concurrent_runs, models
FROM default_plan;

-- name: project_plan
-- The latest plan wins, in whatever order they arrive.
INSERT INTO plans (workspace_id, plan, window_days, monthly_calls, concurrent_runs, models, sequence)
VALUES (:workspace_id, :plan, :window_days, :monthly_calls, :concurrent_runs, :models::text[], :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET plan = excluded.plan, window_days = excluded.window_days, monthly_calls = excluded.monthly_calls,
    concurrent_runs = excluded.concurrent_runs, models = excluded.models, sequence = excluded.sequence
WHERE plans.workspace_id = :workspace_id AND plans.sequence < excluded.sequence;

-- name: project_workspace
-- The latest name and timezone win.
INSERT INTO workspaces (workspace_id, name, timezone, sequence)
VALUES (:workspace_id, :name, :timezone, :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET name = excluded.name, timezone = excluded.timezone, sequence = excluded.sequence
WHERE workspaces.workspace_id = :workspace_id AND workspaces.sequence < excluded.sequence;

-- name: workspace_timezone
-- The timezone in which the workspace's days begin.
SELECT timezone FROM workspaces WHERE workspace_id = :workspace_id;

-- name: project_integration
-- The latest state of one integration wins.
INSERT INTO integrations (workspace_id, provider, state, reason, sequence)
VALUES (:workspace_id, :provider, :state, :reason, :sequence)
ON CONFLICT (workspace_id, provider) DO UPDATE
SET state = excluded.state, reason = excluded.reason, sequence = excluded.sequence
WHERE integrations.workspace_id = :workspace_id AND integrations.sequence < excluded.sequence;

-- name: integration_state
-- Whether one integration is connected; no row when it never was.
SELECT state, reason FROM integrations WHERE workspace_id = :workspace_id AND provider = :provider;

-- name: integrations_lost
-- The integrations that need reconnecting.
SELECT provider, reason FROM integrations WHERE workspace_id = :workspace_id AND state = 'needs_reconnect' ORDER BY provider;

-- name: lock_quota
-- One at a time may decide what a workspace's plan still allows. Released at the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('analysis.quota.' || :workspace_id::text, 0));

-- name: usage_this_month
-- Analysed calls metered since the first of the month, UTC.
SELECT count(*) FROM usage
WHERE workspace_id = :workspace_id AND metered_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
