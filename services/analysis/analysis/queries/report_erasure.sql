-- Rows of one report that is erased, and of its run, so many at once: what points to a row goes before it. All that begins with
-- `report_erase_` is run, in this order; a test holds it together with the manifest's rules for a report (migrations/erasure.yaml).

-- name: report_to_erase
-- The run of a report, held until the transaction ends; who adds a row that points to it is not waited for here.
SELECT p.run_id, u.fetch_ids
FROM reports p
JOIN runs u ON u.workspace_id = :workspace_id AND u.id = p.run_id
WHERE p.workspace_id = :workspace_id AND p.id = :report_id
FOR NO KEY UPDATE OF u;

-- name: report_tombstone_set
-- Lets nothing more be added for the report and its run. One that is there stays as it is.
INSERT INTO report_tombstones (workspace_id, report_id, run_id, fetch_ids)
VALUES (:workspace_id, :report_id, :run_id, :fetch_ids)
ON CONFLICT (workspace_id, report_id) DO NOTHING;

-- name: report_tombstone_read
-- How far the erasure of a report is.
SELECT report_id, run_id, asked_at, barrier, rows, objects, erased_at
FROM report_tombstones
WHERE workspace_id = :workspace_id AND report_id = :report_id;

-- name: report_tombstone_of_fetch
-- A row where calls that were asked for under this id were for a report that is erased.
SELECT report_id
FROM report_tombstones
WHERE workspace_id = :workspace_id AND (run_id = :fetch_id OR :fetch_id = ANY (fetch_ids))
LIMIT 1;

-- name: report_tombstone_bar
-- Notes the first transaction that cannot have looked before the tombstone was there.
UPDATE report_tombstones
SET barrier = :barrier
WHERE workspace_id = :workspace_id AND report_id = :report_id AND barrier IS NULL;

-- name: report_tombstone_count
-- Adds to what was erased.
UPDATE report_tombstones
SET rows = CASE WHEN :rows::bigint > 0
        THEN rows || jsonb_build_object(:relation::text, coalesce((rows ->> :relation::text)::bigint, 0) + :rows::bigint) ELSE rows END,
    objects = objects + :objects::bigint
WHERE workspace_id = :workspace_id AND report_id = :report_id;

-- name: report_tombstone_erased
-- All is gone, as a search that found nothing says.
UPDATE report_tombstones
SET erased_at = coalesce(erased_at, clock_timestamp())
WHERE workspace_id = :workspace_id AND report_id = :report_id;

-- name: report_erasure_order
-- Notes that retention asks for a report to be erased. Asked anew, by a request or by a retention that was restored, all is answered anew.
INSERT INTO report_erasures (workspace_id, report_id, erasure_id)
VALUES (:workspace_id, :report_id, :erasure_id)
ON CONFLICT (workspace_id, report_id) DO UPDATE
SET erasure_id = excluded.erasure_id, told = NULL, asked_attempt = 0, answered_attempt = 0, next_at = now()
WHERE report_erasures.workspace_id = :workspace_id;

-- name: report_erasure_read
-- What is asked of a report's erasure, and how long ago all of it was erased.
SELECT e.erasure_id, e.told, e.asked_attempt, e.answered_attempt,
       extract(epoch FROM clock_timestamp() - t.erased_at)::float8 AS erased_seconds
FROM report_erasures e
JOIN report_tombstones t ON t.workspace_id = :workspace_id AND t.report_id = e.report_id
WHERE e.workspace_id = :workspace_id AND e.report_id = :report_id;

-- name: report_erasure_claim
-- An erasure that is due, to be looked at again in so many seconds whatever becomes of whoever has taken it. Written so that the sweep's
-- index does not serve it: the key leads to the one row.
UPDATE report_erasures
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND report_id = :report_id AND coalesce(next_at, 'infinity') <= now()
RETURNING erasure_id;

-- name: report_erasure_later
-- When to carry on; where no seconds are given, at once if something was asked for since the worker has looked, and else never.
UPDATE report_erasures
SET next_at = coalesce(now() + make_interval(secs => :seconds::float8),
        CASE WHEN told IS DISTINCT FROM 'erased' OR asked_attempt > answered_attempt THEN now() END)
WHERE workspace_id = :workspace_id AND report_id = :report_id;

-- name: report_erasure_told
-- The request was told of a stage; a row the first time.
UPDATE report_erasures
SET told = :stage, next_at = now()
WHERE workspace_id = :workspace_id AND report_id = :report_id AND erasure_id = :erasure_id
  AND told IS NOT DISTINCT FROM CASE :stage::text WHEN 'erased' THEN 'frozen' END
RETURNING report_id;

-- name: report_erasure_verify
-- A verification is asked for; an earlier one that comes later changes nothing.
UPDATE report_erasures
SET asked_attempt = :attempt, next_at = coalesce(next_at, now())
WHERE workspace_id = :workspace_id AND report_id = :report_id AND erasure_id = :erasure_id AND asked_attempt < :attempt;

-- name: report_erasure_answered
-- A verification has been done; a row the first time.
UPDATE report_erasures
SET answered_attempt = :attempt, next_at = CASE WHEN asked_attempt > :attempt THEN now() END
WHERE workspace_id = :workspace_id AND report_id = :report_id AND erasure_id = :erasure_id AND answered_attempt < :attempt
RETURNING report_id;

-- name: report_erase_report_findings
-- So many rows of report_findings.
DELETE FROM report_findings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_findings x WHERE x.workspace_id = :workspace_id AND x.report_id = :report_id LIMIT :most));

-- name: report_erase_quotes
-- So many rows of quotes.
DELETE FROM quotes
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM quotes x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_findings
-- So many rows of findings.
DELETE FROM findings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM findings x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_analyses
-- So many rows of analyses.
DELETE FROM analyses
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM analyses x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_model_requests
-- So many rows of model_requests.
DELETE FROM model_requests
WHERE workspace_id = :workspace_id AND id = ANY(ARRAY(SELECT x.id FROM model_requests x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_run_calls
-- So many rows of run_calls.
DELETE FROM run_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM run_calls x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_syntheses
-- So many rows of syntheses.
DELETE FROM syntheses
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM syntheses x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_schedule_firings
-- So many rows of schedule_firings.
DELETE FROM schedule_firings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM schedule_firings x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_page_notices
-- So many rows of page_notices.
DELETE FROM page_notices
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM page_notices x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_deliveries
-- So many rows of deliveries.
DELETE FROM deliveries
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM deliveries x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_export_files
-- So many rows of export_files.
DELETE FROM export_files
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM export_files x WHERE x.workspace_id = :workspace_id AND x.report_id = :report_id LIMIT :most));

-- name: report_erase_report_exports
-- So many rows of report_exports.
DELETE FROM report_exports
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_exports x WHERE x.workspace_id = :workspace_id AND x.report_id = :report_id LIMIT :most));

-- name: report_erase_report_dates
-- So many rows of report_dates.
DELETE FROM report_dates
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_dates x WHERE x.workspace_id = :workspace_id AND x.report_id = :report_id LIMIT :most));

-- name: report_erase_reports
-- So many rows of reports.
DELETE FROM reports
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM reports x WHERE x.workspace_id = :workspace_id AND x.run_id = :run_id LIMIT :most));

-- name: report_erase_runs
-- So many rows of runs.
DELETE FROM runs
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM runs x WHERE x.workspace_id = :workspace_id AND x.id = :run_id LIMIT :most));
