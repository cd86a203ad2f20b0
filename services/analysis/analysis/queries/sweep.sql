-- name: claim_calls
-- Claims calls to be analysed, for `seconds`: those never claimed, put back, or whose holder has died. One row that names the run looked
-- at last, with a call where one was claimed; none where no run has an open call. `chosen` says how many would have been claimed if
-- another process had not been quicker.
--
-- Who holds least in this process goes first: the calls that it holds already (`held_*`) count, first those of the workspace, then those
-- of the run; of equals, chance (`seed`) decides. At most `visits` runs are looked at, those behind `after_*` in a circle, each by one
-- step in run_calls_due. Nobody is waited for: a row that another process is claiming is passed over, so that nothing can stand in a
-- circle.
-- cross-workspace: the workers serve all workspaces from one queue; each call is then read and written in its own workspace's scope
WITH RECURSIVE visited (workspace_id, run_id, lease_until, number, first_workspace, first_run) AS (
    (SELECT o.workspace_id, o.run_id, o.lease_until, 1, o.workspace_id, o.run_id
     FROM ((SELECT c.workspace_id, c.run_id, c.lease_until, 1 AS part FROM run_calls c
            WHERE c.done_at IS NULL AND (c.workspace_id, c.run_id) > (:after_workspace::text, :after_run::uuid)
            ORDER BY c.workspace_id, c.run_id, c.lease_until LIMIT 1)
           UNION ALL
           (SELECT c.workspace_id, c.run_id, c.lease_until, 2 FROM run_calls c
            WHERE c.done_at IS NULL
            ORDER BY c.workspace_id, c.run_id, c.lease_until LIMIT 1)) o
     ORDER BY o.part LIMIT 1)
    UNION ALL
    SELECT o.workspace_id, o.run_id, o.lease_until, v.number + 1, v.first_workspace, v.first_run
    FROM visited v CROSS JOIN LATERAL (
        SELECT n.workspace_id, n.run_id, n.lease_until
        FROM ((SELECT c.workspace_id, c.run_id, c.lease_until, 1 AS part FROM run_calls c
               WHERE c.done_at IS NULL AND (c.workspace_id, c.run_id) > (v.workspace_id, v.run_id)
               ORDER BY c.workspace_id, c.run_id, c.lease_until LIMIT 1)
              UNION ALL
              (SELECT c.workspace_id, c.run_id, c.lease_until, 2 FROM run_calls c
               WHERE c.done_at IS NULL
               ORDER BY c.workspace_id, c.run_id, c.lease_until LIMIT 1)) n
        ORDER BY n.part LIMIT 1) o
    WHERE v.number < :visits AND (o.workspace_id, o.run_id) <> (v.first_workspace, v.first_run)
), held AS (
    SELECT h.workspace_id, h.run_id, h.calls
    FROM unnest(:held_workspaces::text[], :held_runs::uuid[], :held_calls::bigint[]) AS h (workspace_id, run_id, calls)
), free AS (
    SELECT v.workspace_id, v.run_id, c.call_id, hashtextextended(v.run_id::text, :seed::bigint) AS lot,
        coalesce((SELECT h.calls FROM held h WHERE h.workspace_id = v.workspace_id AND h.run_id = v.run_id), 0)
            + row_number() OVER (PARTITION BY v.workspace_id, v.run_id ORDER BY c.lease_until, c.call_id) AS of_run
    FROM visited v CROSS JOIN LATERAL (
        SELECT f.call_id, f.lease_until FROM run_calls f
        WHERE f.workspace_id = v.workspace_id AND f.run_id = v.run_id AND f.done_at IS NULL AND f.lease_until <= now()
        ORDER BY f.lease_until LIMIT :limit) c
    WHERE v.lease_until <= now()
), turns AS (
    SELECT f.workspace_id, f.run_id, f.call_id, f.lot,
        coalesce((SELECT sum(h.calls) FROM held h WHERE h.workspace_id = f.workspace_id), 0)
            + row_number() OVER (PARTITION BY f.workspace_id ORDER BY f.of_run, f.lot, f.call_id) AS of_workspace
    FROM free f
), chosen AS (
    SELECT t.workspace_id, t.run_id, t.call_id FROM turns t ORDER BY t.of_workspace, t.lot, t.call_id LIMIT :limit
), locked AS (
    SELECT c.workspace_id, c.run_id, c.call_id
    FROM run_calls c JOIN chosen USING (workspace_id, run_id, call_id)
    WHERE c.done_at IS NULL AND c.lease_until <= now()
    FOR NO KEY UPDATE OF c SKIP LOCKED
), claimed AS (
    UPDATE run_calls c
    SET state = 'analysing', attempts = c.attempts + 1, fence = c.fence + 1,
        lease_until = now() + make_interval(secs => :seconds::double precision)
    FROM locked l
    WHERE c.workspace_id = l.workspace_id AND c.run_id = l.run_id AND c.call_id = l.call_id
    RETURNING c.workspace_id, c.run_id, c.call_id, c.fence, c.attempts, c.bad_answers
)
SELECT looked.workspace_id AS last_workspace, looked.run_id AS last_run, (SELECT count(*) FROM chosen) AS chosen, claimed.*
FROM (SELECT v.workspace_id, v.run_id FROM visited v ORDER BY v.number DESC LIMIT 1) looked LEFT JOIN claimed ON true;

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

-- name: claim_deliveries
-- Claims deliveries to be posted, for `seconds`; one whose holder has died while it asked Slack is claimed to be looked for.
-- cross-workspace: the workers serve all workspaces from one queue; each delivery is then read and written in its own workspace's scope
UPDATE deliveries d
SET attempts = d.attempts + 1, fence = d.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id, id FROM deliveries
    WHERE state = 'ready' AND lease_until <= now()
    ORDER BY created_at, workspace_id, id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE d.workspace_id = free.workspace_id AND d.id = free.id
RETURNING d.workspace_id, d.id, d.fence, d.attempts;

-- name: claim_channel_lists
-- Claims lists of Slack's channels to be read, for `seconds`.
-- cross-workspace: the workers serve all workspaces from one queue; each list is then read and written in its own workspace's scope
UPDATE channel_lists l
SET attempts = l.attempts + 1, fence = l.fence + 1, lease_until = now() + make_interval(secs => :seconds::double precision)
FROM (
    SELECT workspace_id FROM channel_lists
    WHERE state = 'ready' AND lease_until <= now()
    ORDER BY asked_at, workspace_id
    LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE l.workspace_id = free.workspace_id
RETURNING l.workspace_id, l.fence, l.attempts;

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

-- name: report_erasures_due
-- Erasures of reports that are to be carried on.
-- cross-workspace: the worker serves all workspaces; each erasure is then claimed and carried on in its own
SELECT workspace_id, report_id
FROM report_erasures
WHERE next_at <= now()
ORDER BY next_at
LIMIT :most;

-- name: model_costs
-- What the models have cost since an instant, by day and model, for operators; no content.
-- cross-workspace: sums for all workspaces, or of one that is named
SELECT (started_at AT TIME ZONE 'UTC')::date AS day, provider, model, count(*) AS requests,
       count(*) FILTER (WHERE outcome <> 'answered') AS unanswered, sum(input_tokens)::bigint AS input_tokens,
       sum(cached_tokens)::bigint AS cached_tokens, sum(cache_write_tokens)::bigint AS cache_write_tokens,
       sum(output_tokens)::bigint AS output_tokens, sum(cost_micro_dollars)::bigint AS cost_micro_dollars
FROM model_requests
WHERE started_at >= :since AND (:of_workspace::text IS NULL OR workspace_id = :of_workspace::text)
  AND (:run_id::uuid IS NULL OR run_id = :run_id::uuid)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
