-- Requests to erase one report. The statements that those of workspaces have too (erasures.sql) do the same here.

-- name: report_erasure_ask
-- Notes a request; no row when there is one for this report that holds.
INSERT INTO report_erasures (workspace_id, id, report_id, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline,
                             next_at)
VALUES (:workspace_id, :id, :report_id, :by_staff, :asked_by, :ticket, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline,
        :take_back_until)
ON CONFLICT (workspace_id, report_id) WHERE state IN ('asked', 'erasing', 'verifying', 'completed') DO NOTHING
RETURNING id;

-- name: report_erasure_latest
-- The request for a report: the one that holds, or else the one that ended last.
SELECT id, report_id, state, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, completed_at
FROM report_erasures
WHERE workspace_id = :workspace_id AND report_id = :report_id
ORDER BY (state IN ('taken_back', 'not_found', 'with_workspace')), asked_at DESC, id DESC
LIMIT 1;

-- name: report_erasures_of_workspace
-- The newest requests of a workspace.
SELECT id, report_id, state, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, completed_at
FROM report_erasures
WHERE workspace_id = :workspace_id
ORDER BY asked_at DESC, id DESC
LIMIT :limit;

-- name: report_erasure_restore
-- A request that the ledger names and a restored database does not know, or not as begun: it is under way. No row where it is known as that,
-- or as ended; and where another one of this report has been made since, which then does what this one was to do.
INSERT INTO report_erasures (workspace_id, id, report_id, state, by_staff, asked_at, zone, take_back_until, target_at, alarm_at, deadline, started_at,
                             next_at)
SELECT :workspace_id, :id, :report_id, 'erasing', :by_staff, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline, now(), now()
WHERE NOT EXISTS (
    SELECT FROM report_erasures o
    WHERE o.workspace_id = :workspace_id AND o.report_id = :report_id AND o.id <> :id AND o.state IN ('asked', 'erasing', 'verifying', 'completed'))
ON CONFLICT (workspace_id, id) DO UPDATE
SET state = 'erasing', started_at = now(), taken_back_at = NULL, next_at = now(), fence = report_erasures.fence + 1
WHERE report_erasures.workspace_id = :workspace_id AND report_erasures.state IN ('asked', 'taken_back')
RETURNING id;

-- name: report_erasure_not_found
-- There is no such report: the request ends, and tells of nobody.
UPDATE report_erasures
SET state = 'not_found', completed_at = now(), asked_by = NULL, ticket = NULL, next_at = NULL, leased_until = NULL, failures = 0, outcome = ''
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('asked', 'erasing')
RETURNING id;

-- name: report_erasures_with_workspace
-- The workspace is erased, and all its reports: what was asked of one ends with it; and no request tells of anybody.
UPDATE report_erasures
SET state = CASE WHEN state IN ('asked', 'erasing', 'verifying') THEN 'with_workspace' ELSE state END,
    completed_at = CASE WHEN state IN ('asked', 'erasing', 'verifying') THEN now() ELSE completed_at END,
    next_at = NULL, leased_until = NULL, asked_by = NULL, ticket = NULL
WHERE workspace_id = :workspace_id AND (asked_by IS NOT NULL OR ticket IS NOT NULL OR state IN ('asked', 'erasing', 'verifying'));

-- name: report_erasure_lock
-- A request, held until the transaction ends.
SELECT id, report_id, state, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, completed_at
FROM report_erasures
WHERE workspace_id = :workspace_id AND id = :id
FOR UPDATE;

-- name: report_erasure_take_back
-- Takes a request back while that is possible, by the database's clock; no row when it is not.
UPDATE report_erasures
SET state = 'taken_back', taken_back_at = now(), next_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked' AND take_back_until > now()
RETURNING id;

-- name: report_erasure_parts
-- What was reported of it.
SELECT service, frozen_at, erased_at, verified_at, attempt, erased_rows, objects, left_rows
FROM report_erasure_parts
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id
ORDER BY service;

-- name: report_erasure_parts_begin
-- The parts there will be: of whoever has reports.
INSERT INTO report_erasure_parts (workspace_id, erasure_id, service)
SELECT :workspace_id, :erasure_id, told.service
FROM unnest(:services::text[]) AS told (service)
ON CONFLICT (workspace_id, erasure_id, service) DO NOTHING;

-- name: report_erasure_part_keep
-- Keeps what was reported so far.
UPDATE report_erasure_parts
SET frozen_at = :frozen_at, erased_at = :erased_at, verified_at = :verified_at, attempt = :attempt, erased_rows = :erased_rows::jsonb,
    objects = :objects, left_rows = :left_rows::jsonb
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND service = :service;

-- name: report_erasure_wake
-- Has the worker look at a request that is under way, now.
UPDATE report_erasures
SET next_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('erasing', 'verifying');

-- name: report_erasure_claim
-- Takes a request that is due; no row when somebody else has it, or it is not due any more. It is looked at again when the lease is over.
-- Written so that the sweep's index does not serve it: the key leads to the one row.
UPDATE report_erasures
SET fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8),
    next_at = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND coalesce(next_at, 'infinity') <= clock_timestamp()
  AND (leased_until IS NULL OR leased_until <= clock_timestamp())
RETURNING fence, failures;

-- name: report_erasure_start
-- The time to take it back is over: it is under way. No row when the claim was lost.
UPDATE report_erasures
SET state = 'erasing', started_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'asked' AND take_back_until <= clock_timestamp()
RETURNING id;

-- name: report_erasure_verify
-- It is asked to look for what is left, for the next time. No row when the claim was lost.
UPDATE report_erasures
SET state = 'verifying', erased_at = coalesce(erased_at, now()), attempt = attempt + 1
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND attempt = :attempt AND state IN ('erasing', 'verifying')
RETURNING id;

-- name: report_erasure_complete
-- It is done, and tells of nobody. No row when the claim was lost.
UPDATE report_erasures
SET state = 'completed', completed_at = :completed_at, certificate = :certificate, certificate_pdf = :certificate_pdf, asked_by = NULL, ticket = NULL,
    next_at = NULL, leased_until = NULL, failures = 0, outcome = ''
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'verifying'
RETURNING id;

-- name: report_erasure_rest
-- A step is made, or could not be: looked at again in so many seconds, or as soon as something was told since the claim. Nothing when the
-- claim was lost, or it has ended meanwhile.
UPDATE report_erasures
SET leased_until = NULL, failures = :failures, outcome = :outcome,
    next_at = CASE WHEN next_at <= clock_timestamp() THEN next_at ELSE clock_timestamp() + make_interval(secs => :seconds::float8) END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND completed_at IS NULL;

-- name: report_erasure_alarmed
-- Staff is told that it takes long; no row when it was told before.
UPDATE report_erasures
SET alarmed_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND alarmed_at IS NULL AND state IN ('asked', 'erasing', 'verifying')
RETURNING id;

-- name: report_erasure_certificate
-- The certificate of a request that is completed.
SELECT certificate, certificate_pdf
FROM report_erasures
WHERE workspace_id = :workspace_id AND id = :id AND state = 'completed';
