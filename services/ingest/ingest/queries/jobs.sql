-- name: job_insert
-- A new job that waits for its credential; no row touched when it is known already.
INSERT INTO jobs (workspace_id, id, kind, state, filter, max_calls, longest_wait_seconds, correlation_id, traceparent,
    grant_id)
VALUES (:workspace_id, :id, :kind, 'waiting_grant', :filter::jsonb, :max_calls, :longest_wait_seconds, :correlation_id, :traceparent,
    :grant_id)
ON CONFLICT (workspace_id, id) DO NOTHING;

-- name: job_cancel
-- Cancels a run that has not ended; one that is not known yet is noted as cancelled, so that its request changes nothing when it comes.
INSERT INTO jobs AS known (workspace_id, id, kind, state, filter, max_calls, correlation_id, grant_id)
VALUES (:workspace_id, :id, 'run', 'cancelled', '{}'::jsonb, 0, :correlation_id, :grant_id)
ON CONFLICT (workspace_id, id) DO UPDATE
SET state = 'cancelled', sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL, lease_expires_at = NULL
WHERE known.state IN ('waiting_grant', 'ready', 'fetching');

-- name: job_close
-- Analysis has ended the run: notes it, and stops a fetch that is still under way.
UPDATE jobs
SET closed_at = clock_timestamp(),
    state = CASE WHEN state IN ('waiting_grant', 'ready', 'fetching') THEN 'cancelled' ELSE state END,
    sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL, lease_expires_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND closed_at IS NULL;

-- name: job_by_grant
-- The job that asked for a grant, locked until the transaction ends.
SELECT id, kind, state, sequence, correlation_id
FROM jobs
WHERE workspace_id = :workspace_id AND grant_id = :grant_id
FOR UPDATE;

-- name: job_granted
-- The credential has come: the job can be worked on.
UPDATE jobs
SET state = 'ready', sealed = :sealed, sealing_key_id = :sealing_key_id, grant_expires_at = :expires_at,
    credential_version = :credential_version, next_attempt_at = clock_timestamp()
WHERE workspace_id = :workspace_id AND id = :id AND state = 'waiting_grant';

-- name: job_denied
-- The credential was refused: the job ends.
UPDATE jobs
SET state = 'failed', failure = :failure, sequence = :sequence
WHERE workspace_id = :workspace_id AND id = :id AND state = 'waiting_grant';

-- name: job_claimed
-- What a worker needs to know of the job it has claimed; no row when another has taken it since, or when it was cancelled.
SELECT id, kind, filter, max_calls, correlation_id, grant_id, sealed, sealing_key_id, grant_expires_at, credential_version,
    refused_version, attempts, fence, planned_at, longest_wait_seconds,
    coalesce(planned_at < clock_timestamp() - make_interval(secs => :plan_lasts_seconds::float8), false) AS planned_long_ago,
    grant_expires_at <= clock_timestamp() + make_interval(secs => :margin_seconds::float8) AS grant_expired
FROM jobs
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence;

-- name: job_renew
-- Extends the lease of the worker with this fence; no row touched when the job is no longer its own.
UPDATE jobs
SET lease_expires_at = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence;

-- name: job_held
-- The job's counters, locked until the transaction ends; no row when it is no longer this worker's.
SELECT sequence, planned_at, calls_matching, calls_private, calls_without_transcript, calls_fetched, remarks
FROM jobs
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence
FOR UPDATE;

-- name: job_page_read
-- A page of the list is written down; where none was read that far before, the job has come forward, so its failures are forgotten.
UPDATE jobs
SET pages_read = greatest(pages_read, :number), remarks = :remarks::text[],
    attempts = CASE WHEN :number > pages_read THEN 0 ELSE attempts END,
    refused_version = CASE WHEN :number > pages_read THEN NULL ELSE refused_version END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence;

-- name: job_planned
-- The run's calls are chosen; their metadata is as old as the first page of the list.
UPDATE jobs
SET planned_at = coalesce(
        (SELECT min(p.read_at) FROM run_pages p WHERE p.workspace_id = :workspace_id AND p.run_id = :id), clock_timestamp()), calls_matching = :calls_matching, calls_private = :calls_private,
    calls_without_transcript = :calls_without_transcript, remarks = :remarks::text[], attempts = 0, refused_version = NULL
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence;

-- name: job_advanced
-- A batch of calls is done; the job has come forward, so its failures are forgotten.
UPDATE jobs
SET sequence = :sequence, calls_fetched = :calls_fetched, calls_private = :calls_private,
    calls_without_transcript = :calls_without_transcript, remarks = :remarks::text[], attempts = 0, refused_version = NULL
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence;

-- name: job_finish
-- The job ends, well or badly; its grant is wiped.
UPDATE jobs
SET state = :state, failure = :failure, sequence = :sequence, calls_matching = :calls_matching, calls_private = :calls_private,
    sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL, lease_expires_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence;

-- name: job_pause
-- Puts the job back until some time; a pause that the provider asked for does not count as a failure.
UPDATE jobs
SET state = 'ready', lease_expires_at = NULL, next_attempt_at = clock_timestamp() + make_interval(secs => :seconds::float8),
    attempts = CASE WHEN :counts::boolean THEN attempts ELSE greatest(attempts - 1, 0) END
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence
RETURNING sequence, next_attempt_at;

-- name: job_told
-- A message about the job is on its way.
UPDATE jobs
SET sequence = :sequence
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence;

-- name: job_refused
-- The provider has refused the granted credential: the grant is over at once, so that whoever claims the job next asks for another one.
UPDATE jobs
SET state = 'ready', lease_expires_at = NULL, refused_version = :version, grant_expires_at = clock_timestamp(),
    next_attempt_at = clock_timestamp() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence;

-- name: job_ask_again
-- Its grant is over: the job waits for another one.
UPDATE jobs
SET state = 'waiting_grant', grant_id = :grant_id, sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL,
    lease_expires_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'fetching' AND fence = :fence;
