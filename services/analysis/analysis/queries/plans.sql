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
SELECT plan, window_days, monthly_calls, concurrent_runs, models, billing_anchor
FROM plans
WHERE workspace_id = :workspace_id;

-- name: plan_by_default
-- The plan of a workspace whose own is not known.
SELECT plan, window_days, monthly_calls, concurrent_runs, models, NULL::timestamptz AS billing_anchor
FROM default_plan;

-- name: project_plan
-- The latest plan wins, in whatever order they arrive.
INSERT INTO plans (workspace_id, plan, window_days, monthly_calls, concurrent_runs, models, billing_anchor, sequence)
VALUES (:workspace_id, :plan, :window_days, :monthly_calls, :concurrent_runs, :models::text[], :billing_anchor, :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET plan = excluded.plan, window_days = excluded.window_days, monthly_calls = excluded.monthly_calls,
    concurrent_runs = excluded.concurrent_runs, models = excluded.models,
    billing_anchor = excluded.billing_anchor, sequence = excluded.sequence
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

-- name: project_preferences
-- The latest preferences win.
INSERT INTO preferences (workspace_id, mask_personal_data, other_provider_fallback, sequence)
VALUES (:workspace_id, :mask_personal_data, :other_provider_fallback, :sequence)
ON CONFLICT (workspace_id) DO UPDATE
SET mask_personal_data = excluded.mask_personal_data, other_provider_fallback = excluded.other_provider_fallback,
    sequence = excluded.sequence
WHERE preferences.workspace_id = :workspace_id AND preferences.sequence < excluded.sequence;

-- name: preferences_of_workspace
-- What the workspace's admins have chosen; no row while nothing has been told.
SELECT mask_personal_data, other_provider_fallback FROM preferences WHERE workspace_id = :workspace_id;

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

-- name: usage_of_month
-- What the month's plan has paid for, what is left of bought calls, and what runs under way may still use. One statement, so that all are of
-- one moment: a call that is metered between two would be neither used in the first nor promised in the second.
SELECT coalesce((SELECT m.by_plan FROM usage_months m WHERE m.workspace_id = :workspace_id AND m.begins_at = :begins_at), 0) AS used,
       coalesce((SELECT b.bought - b.used FROM addon_balances b WHERE b.workspace_id = :workspace_id), 0) AS addon_calls,
       (SELECT coalesce(sum(greatest(0, least(r.call_limit, coalesce(r.calls_expected, r.call_limit)) - r.calls_analysed - r.calls_failed)), 0)
        FROM runs r WHERE r.workspace_id = :workspace_id AND r.state = 'running')::bigint AS promised;

-- name: addon_purchase
-- A purchase; 0 rows when it is known already.
INSERT INTO addon_purchases (workspace_id, purchase_id, calls)
VALUES (:workspace_id, :purchase_id, :calls)
ON CONFLICT (workspace_id, purchase_id) DO NOTHING;

-- name: addon_credit
-- More bought calls.
INSERT INTO addon_balances (workspace_id, bought)
VALUES (:workspace_id, :calls)
ON CONFLICT (workspace_id) DO UPDATE
SET bought = addon_balances.bought + excluded.bought
WHERE addon_balances.workspace_id = :workspace_id;

-- name: meter_calls
-- A unit for each of some analysed calls of a run, in their order: of the plan's month while it lasts, then of the bought calls. The month's
-- row is locked from here on, so that no two calls take the same unit or reach the same threshold. What the counters were before
-- (`*_before`) is kept beside them, for that is what the calls are told apart by.
WITH wanted AS (
    SELECT c.call_id, c.number FROM unnest(:call_ids::text[]) WITH ORDINALITY AS c (call_id, number)
), month AS (
    INSERT INTO usage_months AS m (workspace_id, begins_at, ends_at, by_plan, reached)
    VALUES (:workspace_id, :begins_at, :ends_at, least(:calls::integer, :monthly_calls::integer),
            CASE WHEN :calls::integer >= :monthly_calls::integer THEN 100
                 WHEN :calls::integer * 5::bigint >= :monthly_calls::integer * 4::bigint THEN 80 ELSE 0 END)
    ON CONFLICT (workspace_id, begins_at) DO UPDATE
    SET by_plan = greatest(m.by_plan, least(m.by_plan + :calls::integer, :monthly_calls::integer)),
        by_plan_before = m.by_plan,
        reached = CASE
            WHEN m.by_plan + :calls::integer >= :monthly_calls::integer THEN 100
            WHEN (m.by_plan + :calls::integer) * 5::bigint >= :monthly_calls::integer * 4::bigint THEN greatest(m.reached, 80)
            ELSE m.reached END,
        reached_before = m.reached
    WHERE m.workspace_id = :workspace_id
    RETURNING m.by_plan, m.by_plan_before, m.reached_before
), bought AS (
    UPDATE addon_balances b
    SET used = least(b.bought, b.used + :calls::integer - (SELECT by_plan - by_plan_before FROM month)), used_before = b.used
    WHERE b.workspace_id = :workspace_id AND b.used < b.bought
      AND :calls::integer > (SELECT by_plan - by_plan_before FROM month)
    RETURNING b.used - b.used_before AS calls
), units AS (
    INSERT INTO usage (workspace_id, run_id, call_id, paid_by, month_begins_at)
    SELECT :workspace_id, :run_id, w.call_id,
        CASE WHEN w.number <= (SELECT by_plan - by_plan_before FROM month) THEN 'plan'
             WHEN w.number <= (SELECT by_plan - by_plan_before FROM month) + coalesce((SELECT calls FROM bought), 0) THEN 'addon'
             ELSE 'nobody' END, :begins_at
    FROM wanted w
    RETURNING paid_by
)
SELECT month.by_plan_before AS used_before, month.reached_before,
    (SELECT count(*) FROM units u WHERE u.paid_by = 'plan') AS by_plan, (SELECT count(*) FROM units u WHERE u.paid_by = 'addon') AS by_addon
FROM month;
