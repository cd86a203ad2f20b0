-- name: scope_seen
-- What a transaction sees of its scope: the settings, and every plan that is visible. It names no workspace: the policies alone decide.
SELECT current_setting('app.workspace_id', true) AS workspace,
       CASE WHEN current_setting('app.report_floor', true) <> ''
           THEN round(extract(epoch FROM now() - current_setting('app.report_floor', true)::timestamptz) / 86400)::int END AS window_days,
       ARRAY(SELECT workspace_id FROM plans) AS plans;

-- name: scope_rows_seen
-- For which workspaces the visible previews were written.
SELECT DISTINCT request ->> 'workspace' AS workspace
FROM (SELECT request FROM previews LIMIT 5) AS visible;

-- name: scope_write
-- A row that says for which workspace it is meant.
INSERT INTO previews (workspace_id, id, request)
VALUES (:workspace_id, :id, :request);

-- name: scope_fails
-- A statement that fails, in PostgreSQL's hands.
SELECT 1 / 0;

-- name: scope_hurry
-- Gives the transaction's statements a millisecond.
SELECT set_config('statement_timeout', '1', true);

-- name: scope_lingers
-- A statement that takes longer than anybody waits.
SELECT pg_sleep(60);

-- name: connection_seen
-- What a connection holds when it comes from the pool.
-- cross-workspace: reads settings only
SELECT coalesce(current_setting('app.workspace_id', true), '') AS workspace, coalesce(current_setting('app.report_floor', true), '') AS floor,
       current_setting('statement_timeout') AS statement_timeout, current_setting('role') AS role;

-- name: misplaced
-- How many rows stand in another workspace than the one they were meant for.
-- cross-workspace: the oracle sees everything
SELECT (SELECT count(*) FROM previews WHERE request ->> 'workspace' IS DISTINCT FROM workspace_id)
     + (SELECT count(*) FROM inbox WHERE consumer <> workspace_id) AS misplaced;

-- name: written
-- Every row that was committed.
-- cross-workspace: the oracle sees everything
SELECT id FROM previews;

-- name: plans_seed
-- A plan for each workspace, each with a window of its own, so that a floor tells whose it is.
-- cross-workspace: the proof's own data
INSERT INTO plans (workspace_id, plan, window_days, monthly_calls, concurrent_runs, models, sequence)
SELECT w.workspace_id, 'trial', w.window_days, 1, 1, '{}', 1
FROM unnest(:workspace_ids::text[], :windows::int[]) AS w (workspace_id, window_days);

-- name: backends_open
-- Connections of the application that stand inside a transaction.
-- cross-workspace: reads the server's state only
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename LIKE '%\_app' AND state LIKE 'idle in transaction%';

-- name: backend_end
-- Ends a connection, as an operator or a failing machine would.
-- cross-workspace: reads no table
SELECT pg_terminate_backend(:pid);
