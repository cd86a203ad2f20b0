-- name: queue_synthesis
-- All calls of a run are done: its summary can be written. Asking twice changes nothing; one that was closed with its run begins anew.
INSERT INTO syntheses (workspace_id, run_id) VALUES (:workspace_id, :run_id)
ON CONFLICT (workspace_id, run_id) DO UPDATE
SET done_at = NULL, attempts = 0, bad_answers = 0, queued_at = now(), lease_until = now()
WHERE syntheses.workspace_id = :workspace_id AND syntheses.done_at IS NOT NULL;

-- name: queue_partial_synthesis
-- A run was cancelled with some calls done: their report is to be written. Its summary may have been under way.
INSERT INTO syntheses (workspace_id, run_id) VALUES (:workspace_id, :run_id)
ON CONFLICT (workspace_id, run_id) DO UPDATE SET done_at = NULL
WHERE syntheses.workspace_id = :workspace_id;

-- name: joined_themes
-- Which themes of a run were found to be one; null where that has not been asked.
SELECT joined FROM syntheses WHERE workspace_id = :workspace_id AND run_id = :run_id;

-- name: keep_joined_themes
-- Which themes are one is known; a summary that is asked for again goes by it. 0 rows when the claim is not the latest.
UPDATE syntheses SET joined = :joined::jsonb
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: renew_synthesis
-- Keeps a claim; 0 rows when somebody else has it by now or the run has ended.
UPDATE syntheses SET lease_until = now() + make_interval(secs => :seconds::double precision)
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: put_back_synthesis
-- Gives a claim up for a while. `bad` is 1 where the model's answer was no good, 0 where there was none.
UPDATE syntheses
SET lease_until = now() + make_interval(secs => :seconds::double precision), bad_answers = bad_answers + :bad
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: finish_synthesis
-- A claim ends with a report; 0 rows when the claim is not the latest.
UPDATE syntheses SET done_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: insert_report
-- A report; there is one a run.
INSERT INTO reports (workspace_id, id, run_id, headline, document)
VALUES (:workspace_id, :id, :run_id, :headline, :document::jsonb);

-- name: insert_report_date
-- When the report was made, which stays countable when the report is hidden.
INSERT INTO report_dates (workspace_id, report_id) VALUES (:workspace_id, :report_id);

-- name: report_by_id
-- One report, unless it is older than what the plan shows (the row policy sees to that).
SELECT id, run_id, document, created_at FROM reports WHERE workspace_id = :workspace_id AND id = :id;

-- name: report_headlines
-- The headlines of some runs' reports.
SELECT run_id, headline FROM reports WHERE workspace_id = :workspace_id AND run_id = ANY(:run_ids::uuid[]);

-- name: hidden_reports
-- How many reports are older than what the plan shows.
SELECT count(*) FROM report_dates
WHERE workspace_id = :workspace_id AND created_at < current_setting('app.report_floor')::timestamptz;
