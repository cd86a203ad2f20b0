-- name: claim_calls
-- Claims calls to be analysed, for `seconds`: those never claimed, put back, or whose holder has died.
-- cross-workspace: the workers serve all workspaces from one queue; each call is then read and written in its own workspace's scope
UPDATE run_calls c
SET state = 'analysing', attempts = c.attempts + 1, fence = c.fence + 1,
    lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, run_id, call_id FROM run_calls
    WHERE done_at IS NULL AND lease_until <= now()
    ORDER BY ordinal, run_id, call_id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE c.workspace_id = free.workspace_id AND c.run_id = free.run_id AND c.call_id = free.call_id
RETURNING c.workspace_id, c.run_id, c.call_id, c.fence, c.attempts, c.bad_answers;

-- name: claim_syntheses
-- Claims summaries to be written, for `seconds`.
-- cross-workspace: the workers serve all workspaces from one queue; each run is then read and written in its own workspace's scope
UPDATE syntheses s
SET attempts = s.attempts + 1, fence = s.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, run_id FROM syntheses
    WHERE done_at IS NULL AND lease_until <= now()
    ORDER BY queued_at, run_id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE s.workspace_id = free.workspace_id AND s.run_id = free.run_id
RETURNING s.workspace_id, s.run_id, s.fence, s.attempts, s.bad_answers;

-- name: claim_notices
-- Claims notices to be sent, for `seconds`; one whose holder has died while it asked Slack is claimed to be ended.
-- cross-workspace: the workers serve all workspaces from one queue; each notice is then read and written in its own workspace's scope
UPDATE notices n
SET attempts = n.attempts + 1, fence = n.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, provider, credential_version FROM notices
    WHERE state IN ('ready', 'sending') AND lease_until <= now()
    ORDER BY created_at, workspace_id, provider
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE n.workspace_id = free.workspace_id AND n.provider = free.provider AND n.credential_version = free.credential_version
RETURNING n.workspace_id, n.provider, n.credential_version, n.fence, n.attempts;

-- name: set_default_plan
-- What a workspace may do of which no plan is known; written at each start from the configuration.
-- cross-workspace: belongs to no workspace
INSERT INTO default_plan (plan, window_days, monthly_calls, concurrent_runs, models)
VALUES (:plan, :window_days, :monthly_calls, :concurrent_runs, :models::text[])
ON CONFLICT (only_row) DO UPDATE
SET plan = excluded.plan, window_days = excluded.window_days, monthly_calls = excluded.monthly_calls,
    concurrent_runs = excluded.concurrent_runs, models = excluded.models;

-- name: runs_waiting
-- How much work is queued, for operators; no content.
-- cross-workspace: counts only, for all workspaces
SELECT (SELECT count(*) FROM run_calls WHERE done_at IS NULL) AS calls,
       (SELECT count(*) FROM run_calls WHERE done_at IS NULL AND attempts > 1) AS calls_retried,
       (SELECT count(*) FROM syntheses WHERE done_at IS NULL) AS summaries;

-- name: claim_schedules
-- Claims schedules that are due at `now`, for `seconds`.
-- cross-workspace: the tick serves all workspaces; each schedule is then read and fired in its own workspace's scope
UPDATE schedules s
SET fence = s.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, id FROM schedules
    WHERE next_firing_at <= :now AND lease_until <= now()
    ORDER BY next_firing_at, id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE s.workspace_id = free.workspace_id AND s.id = free.id
RETURNING s.workspace_id, s.id, s.fence;

-- name: claim_exports
-- Claims files to be made, for `seconds`; not those of a later release's version. One that nobody could make in `most` attempts is left until
-- somebody asks for it again.
-- cross-workspace: the workers serve all workspaces from one queue; each report is then read and written in its own workspace's scope
UPDATE export_files e
SET attempts = e.attempts + 1, fence = e.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, report_id, format, version FROM export_files
    WHERE done_at IS NULL AND lease_until <= now() AND attempts < :most AND version <= :version
    ORDER BY asked_at, report_id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE e.workspace_id = free.workspace_id AND e.report_id = free.report_id AND e.format = free.format AND e.version = free.version
RETURNING e.workspace_id, e.report_id, e.format, e.version, e.fence, e.attempts;
