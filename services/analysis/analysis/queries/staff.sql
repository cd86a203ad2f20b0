-- name: staff_runs
-- staff: The newest runs: their states, counts and times
SELECT id, state, reason, calls_expected, calls_matching, calls_private, calls_without_transcript, calls_fetched, calls_analysed,
    calls_failed, created_at, started_at, finished_at
FROM runs
WHERE workspace_id = :workspace_id
ORDER BY id DESC
LIMIT :most;

-- name: staff_run_calls
-- staff: The calls of one run that are open or went wrong: their ids, states and reasons
SELECT call_id, state, reason, attempts, bad_answers, done_at
FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :about AND state <> 'analysed'
ORDER BY call_id
LIMIT :most;

-- name: staff_schedules
-- staff: The schedules: their states, cadences and next times, not their names or questions
SELECT id, state, version, cadence, range, next_firing_at, created_at, updated_at
FROM schedules
WHERE workspace_id = :workspace_id
ORDER BY id DESC
LIMIT :most;

-- name: staff_firings
-- staff: When one schedule was due, and what became of it
SELECT planned_at, outcome, reason, firings, run_id, fired_at
FROM schedule_firings
WHERE workspace_id = :workspace_id AND schedule_id = :about
ORDER BY planned_at DESC
LIMIT :most;

-- name: staff_deliveries
-- staff: The newest deliveries to Slack: their states and reasons, not their channels
SELECT id, run_id, kind, state, reason, attempts, created_at, ended_at
FROM deliveries
WHERE workspace_id = :workspace_id
ORDER BY created_at DESC
LIMIT :most;

-- name: staff_plan
-- staff: The plan as analysis knows it: window, calls, models
SELECT plan, window_days, monthly_calls, concurrent_runs, models
FROM plans
WHERE workspace_id = :workspace_id
LIMIT :most;

-- name: staff_integrations
-- staff: Which integrations are connected, as analysis knows them
SELECT provider, state, reason
FROM integrations
WHERE workspace_id = :workspace_id
ORDER BY provider
LIMIT :most;
