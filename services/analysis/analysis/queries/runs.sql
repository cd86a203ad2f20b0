-- name: insert_preview
-- A question whose calls are to be counted.
INSERT INTO previews (workspace_id, id, request) VALUES (:workspace_id, :id, :request::jsonb);

-- name: preview_by_id
-- One preview.
SELECT id, request, state, matching_calls, total_seconds, reason, sample_name, sample_sha256 FROM previews
WHERE workspace_id = :workspace_id AND id = :id;

-- name: finish_preview
-- The count has come; a second answer changes nothing.
UPDATE previews
SET state = :state, matching_calls = :matching_calls, total_seconds = :total_seconds, reason = :reason,
    sample_name = :sample_name, sample_sha256 = :sample_sha256
WHERE workspace_id = :workspace_id AND id = :id AND state = 'counting';

-- name: claim_preparation
-- Who may have the calls listed ahead: nobody else has in the last `seconds`. No row touched otherwise.
INSERT INTO prepared_lists (workspace_id) VALUES (:workspace_id)
ON CONFLICT (workspace_id) DO UPDATE SET asked_at = now()
WHERE prepared_lists.workspace_id = :workspace_id
  AND prepared_lists.asked_at <= now() - make_interval(secs => :seconds::double precision);

-- name: insert_run
-- A run that waits for its turn. Sending the same form twice makes one run.
INSERT INTO runs (workspace_id, id, request_id, requested_by, request, traceparent)
VALUES (:workspace_id, :id, :request_id, :requested_by, :request::jsonb, :traceparent)
ON CONFLICT (workspace_id, request_id) DO NOTHING;

-- name: run_of_request
-- The run that a form made.
SELECT id FROM runs WHERE workspace_id = :workspace_id AND request_id = :request_id;

-- name: traceparent_of_run
-- The trace that a run goes on with.
SELECT traceparent FROM runs WHERE workspace_id = :workspace_id AND id = :id;

-- name: run_by_id
-- One run, unless it is older than what the plan shows.
SELECT id, request, requested_by, state, call_limit, calls_expected, calls_matching, calls_private, calls_without_transcript,
       calls_fetched, calls_analysed, calls_failed, reason, report_id, created_at, started_at, finished_at,
       paused_until, pause_reason, fetch_remarks, fetch_ids
FROM runs
WHERE workspace_id = :workspace_id AND id = :id;

-- name: run_for_update
-- One run, locked: everything that changes a run or its calls takes this lock first.
SELECT id, request, requested_by, state, call_limit, calls_expected, calls_matching, calls_private, calls_without_transcript,
       calls_fetched, calls_analysed, calls_failed, reason, report_id, created_at, started_at, finished_at,
       paused_until, pause_reason, fetch_remarks, fetch_ids
FROM runs
WHERE workspace_id = :workspace_id AND id = :id
FOR NO KEY UPDATE;

-- name: runs_page
-- Runs, newest first; `before` is the last id of the page before (ids rise with time).
SELECT id, request, requested_by, state, call_limit, calls_expected, calls_matching, calls_private, calls_without_transcript,
       calls_fetched, calls_analysed, calls_failed, reason, report_id, created_at, started_at, finished_at,
       paused_until, pause_reason, fetch_remarks, fetch_ids
FROM runs
WHERE workspace_id = :workspace_id AND (:before::uuid IS NULL OR id < :before::uuid)
ORDER BY id DESC
LIMIT :limit;

-- name: runs_states
-- States and counts of the newest runs, for operators: nothing of what was asked is read.
SELECT id, state, calls_analysed, calls_failed, calls_expected, created_at
FROM runs
WHERE workspace_id = :workspace_id
ORDER BY id DESC
LIMIT :limit;

-- name: runs_under_way
-- How many runs are under way.
SELECT count(*) AS runs FROM runs WHERE workspace_id = :workspace_id AND state = 'running';

-- name: next_queued_run
-- The run that has waited longest. One that somebody is changing right now is passed over: whoever does starts the next one after it.
SELECT id, request, calls_expected, calls_analysed, fetch_ids FROM runs
WHERE workspace_id = :workspace_id AND state = 'queued'
ORDER BY created_at, id
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED;

-- name: start_run
-- A queued run begins, with the most calls that it may use.
UPDATE runs SET state = 'running', started_at = coalesce(started_at, now()), call_limit = :call_limit, sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND state = 'queued'
RETURNING sequence;

-- name: end_run
-- A run ends without a report.
UPDATE runs SET state = :state, reason = :reason, finished_at = now(), sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND finished_at IS NULL
RETURNING sequence;

-- name: run_of_fetch
-- The run whose calls were asked for again under this id.
SELECT id FROM runs
WHERE workspace_id = :workspace_id AND fetch_ids <> '{}' AND :fetch_id = ANY(fetch_ids);

-- name: resume_run
-- A failed run waits for its turn again, with what it has. Calls that had failed are tried once more.
UPDATE runs
SET state = 'queued', reason = '', finished_at = NULL, calls_failed = 0, paused_until = NULL, sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND state = 'failed';

-- name: fetch_again
-- The calls of a run are asked for under another id. Those that are analysed stay; the others count when they are announced.
UPDATE runs
SET fetch_ids = fetch_ids || :fetch_id::uuid, calls_expected = NULL, calls_fetched = calls_analysed, calls_kept = calls_analysed,
    calls_left_out = 0, fetch_remarks = '{}'
WHERE workspace_id = :workspace_id AND id = :id AND state = 'queued';

-- name: reopen_calls
-- The calls of a run that are not analysed are queued, as if for the first time; not those that are no part of it.
UPDATE run_calls
SET state = 'pending', done_at = NULL, attempts = 0, bad_answers = 0, reason = '', lease_until = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state IN ('skipped', 'failed') AND NOT left_out;

-- name: leave_out_calls
-- The calls of a run that are not analysed are no part of it, until its present fetch announces them.
UPDATE run_calls SET left_out = true
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state IN ('skipped', 'failed') AND NOT left_out;

-- name: complete_run
-- A run ends with a report.
UPDATE runs SET state = 'completed', report_id = :report_id, finished_at = now(), sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND state = 'running'
RETURNING sequence;

-- name: report_of_cancelled_run
-- A cancelled run has a report of what was finished; it stays cancelled.
UPDATE runs SET report_id = :report_id, sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND state = 'cancelled' AND report_id IS NULL
RETURNING sequence;

-- name: record_fetch
-- All calls of a run have been announced; those that are kept are expected besides, those that are left out are not.
UPDATE runs
SET calls_expected = :expected + calls_kept - calls_left_out, calls_matching = :matching, calls_private = :private,
    calls_without_transcript = :without_transcript, fetch_remarks = :remarks::text[]
WHERE workspace_id = :workspace_id AND id = :id AND calls_expected IS NULL;

-- name: record_pause
-- The fetch of a run rests. What is told late of an earlier pause changes nothing.
UPDATE runs
SET paused_until = :until, pause_reason = :reason
WHERE workspace_id = :workspace_id AND id = :id AND finished_at IS NULL AND coalesce(paused_until < :until, true);

-- name: insert_run_call
-- A call has been fetched; announcing it again changes nothing. One that an earlier fetch has announced is queued, or stays analysed. One
-- for which the run has no room (`left_out`) is noted, and not queued. Of one that is erased nothing is noted.
INSERT INTO run_calls AS known (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds, fetch_number,
                                left_out, state, done_at)
SELECT :workspace_id, :run_id, :call_id, :ordinal, :object_name, :sha256, :started_at, :duration_seconds, :fetch_number,
       :left_out::boolean, CASE WHEN :left_out::boolean THEN 'skipped' ELSE 'pending' END, CASE WHEN :left_out::boolean THEN now() END
WHERE NOT EXISTS (SELECT FROM erased_calls e WHERE e.workspace_id = :workspace_id AND e.call_id = :call_id)
ON CONFLICT (workspace_id, run_id, call_id) DO UPDATE
SET fetch_number = excluded.fetch_number,
    object_name = CASE known.state WHEN 'analysed' THEN known.object_name ELSE excluded.object_name END,
    sha256 = CASE known.state WHEN 'analysed' THEN known.sha256 ELSE excluded.sha256 END,
    state = CASE known.state WHEN 'analysed' THEN 'analysed' ELSE excluded.state END,
    done_at = CASE known.state WHEN 'analysed' THEN known.done_at ELSE excluded.done_at END,
    left_out = known.state <> 'analysed' AND excluded.left_out,
    attempts = 0, bad_answers = 0, reason = '', lease_until = now()
WHERE known.workspace_id = :workspace_id AND known.fetch_number < excluded.fetch_number
RETURNING state = 'analysed' AS kept, left_out;

-- name: count_fetched
-- One more call of a run is here.
UPDATE runs SET calls_fetched = calls_fetched + 1 WHERE workspace_id = :workspace_id AND id = :id;

-- name: count_kept
-- A call that is analysed already is among those of the present fetch: it is expected once, not twice.
UPDATE runs SET calls_kept = calls_kept - 1, calls_expected = calls_expected - 1
WHERE workspace_id = :workspace_id AND id = :id AND calls_kept > 0;

-- name: count_left_out
-- A call for which the run has no room was announced: it is not expected.
UPDATE runs SET calls_left_out = calls_left_out + 1, calls_expected = calls_expected - 1
WHERE workspace_id = :workspace_id AND id = :id;

-- name: skip_open_calls
-- A run has ended: what has not been analysed never will be.
UPDATE run_calls SET state = 'skipped', done_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND done_at IS NULL;

-- name: close_synthesis
-- A run has ended: no summary is wanted any more.
UPDATE syntheses SET done_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND done_at IS NULL;

-- name: failed_calls
-- The calls of a run that could not be analysed, and why.
SELECT call_id, title, started_at, reason FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state = 'failed' AND NOT left_out
ORDER BY started_at, call_id;

-- name: skipped_calls
-- The calls of a run that were fetched and not analysed, because it had ended.
SELECT call_id, title, started_at FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state = 'skipped' AND NOT left_out
ORDER BY started_at, call_id;

-- name: run_call
-- Where one call of a run is stored.
SELECT object_name, sha256, title FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :run_id AND call_id = :call_id;
