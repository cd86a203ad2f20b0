-- name: erasure_workspace
-- What a request has to know of the workspace.
SELECT name, timezone
FROM workspaces
WHERE workspace_id = :workspace_id;

-- name: erasure_ask
-- Notes a request; no row when there is one that was not taken back.
INSERT INTO erasures (workspace_id, id, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at)
VALUES (:workspace_id, :id, :by_staff, :asked_by, :ticket, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline, :take_back_until)
ON CONFLICT (workspace_id) WHERE state <> 'taken_back' DO NOTHING
RETURNING id;

-- name: erasure_latest
-- The workspace's request: the one that holds, or else the one that was taken back last.
SELECT id, state, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       payments_ended_at, erased_at, attempt, completed_at
FROM erasures
WHERE workspace_id = :workspace_id
ORDER BY (state = 'taken_back'), asked_at DESC, id
LIMIT 1;

-- name: erasure_lock
-- A request, held until the transaction ends.
SELECT id, state, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       payments_ended_at, erased_at, attempt, completed_at
FROM erasures
WHERE workspace_id = :workspace_id AND id = :id
FOR UPDATE;

-- name: erasure_take_back
-- Takes a request back while that is possible, by the database's clock; no row when it is not.
UPDATE erasures
SET state = 'taken_back', taken_back_at = now(), next_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked' AND take_back_until > now()
RETURNING id;

-- name: erasure_parts
-- What the services have reported.
SELECT service, frozen_at, erased_at, verified_at, attempt, erased_rows, objects, left_rows, providers
FROM erasure_parts
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id
ORDER BY service;

-- name: erasure_parts_begin
-- The parts there will be.
INSERT INTO erasure_parts (workspace_id, erasure_id, service)
SELECT :workspace_id, :erasure_id, told.service
FROM unnest(:services::text[]) AS told (service)
ON CONFLICT (workspace_id, erasure_id, service) DO NOTHING;

-- name: erasure_part_keep
-- Keeps what a service has reported so far.
UPDATE erasure_parts
SET frozen_at = :frozen_at, erased_at = :erased_at, verified_at = :verified_at, attempt = :attempt, erased_rows = :erased_rows::jsonb,
    objects = :objects, left_rows = :left_rows::jsonb, providers = :providers::jsonb
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND service = :service;

-- name: erasure_wake
-- Has the worker look at a request that is under way, now.
UPDATE erasures
SET next_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('erasing', 'verifying');

-- name: erasure_claim
-- Takes a request that is due; no row when somebody else has it, or it is not due any more. It is looked at again when the lease is over.
-- Written so that the sweep's index does not serve it: the key leads to the one row.
UPDATE erasures
SET fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8),
    next_at = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND coalesce(next_at, 'infinity') <= clock_timestamp()
  AND (leased_until IS NULL OR leased_until <= clock_timestamp())
RETURNING fence, failures;

-- name: erasure_start
-- The time to take it back is over: it is under way. No row when the claim was lost.
UPDATE erasures
SET state = 'erasing', started_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'asked' AND take_back_until <= clock_timestamp()
RETURNING id;

-- name: erasure_restore
-- A request that the ledger names and a restored database does not know, or not as begun: it is under way. No row where it is known as that.
INSERT INTO erasures (workspace_id, id, state, by_staff, asked_at, zone, take_back_until, target_at, alarm_at, deadline, started_at, next_at)
VALUES (:workspace_id, :id, 'erasing', :by_staff, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline, now(), now())
ON CONFLICT (workspace_id, id) DO UPDATE
SET state = 'erasing', started_at = now(), taken_back_at = NULL, next_at = now(), fence = erasures.fence + 1
WHERE erasures.workspace_id = :workspace_id AND erasures.state IN ('asked', 'taken_back')
RETURNING id;

-- name: erasure_payments_ended
-- Nothing is charged any more. No row when the claim was lost.
UPDATE erasures
SET payments_ended_at = coalesce(payments_ended_at, now())
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence
RETURNING id;

-- name: erasure_verify
-- All are asked to look for what is left, for the next time. No row when the claim was lost.
UPDATE erasures
SET state = 'verifying', erased_at = coalesce(erased_at, now()), attempt = attempt + 1
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND attempt = :attempt AND state IN ('erasing', 'verifying')
RETURNING id;

-- name: erasures_forget_people
-- The record of the workspace's requests stays; it tells of nobody any more.
UPDATE erasures
SET asked_by = NULL, ticket = NULL
WHERE workspace_id = :workspace_id AND (asked_by IS NOT NULL OR ticket IS NOT NULL);

-- name: erasure_complete
-- It is done, and tells of nobody. No row when the claim was lost.
UPDATE erasures
SET state = 'completed', completed_at = :completed_at, certificate = :certificate, certificate_pdf = :certificate_pdf, asked_by = NULL, ticket = NULL,
    next_at = NULL, leased_until = NULL, failures = 0, outcome = ''
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'verifying'
RETURNING id;

-- name: erasure_rest
-- A step is made, or could not be: looked at again in so many seconds, or as soon as a report has come since the claim. Nothing when the
-- claim was lost.
UPDATE erasures
SET leased_until = NULL, failures = :failures, outcome = :outcome,
    next_at = CASE WHEN next_at <= clock_timestamp() THEN next_at ELSE clock_timestamp() + make_interval(secs => :seconds::float8) END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state <> 'completed';

-- name: erasure_alarmed
-- Staff is told that it takes long; no row when it was told before.
UPDATE erasures
SET alarmed_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND alarmed_at IS NULL AND state IN ('asked', 'erasing', 'verifying')
RETURNING id;

-- name: erasure_certificate
-- The certificate of a request that is completed.
SELECT certificate, certificate_pdf
FROM erasures
WHERE workspace_id = :workspace_id AND id = :id AND state = 'completed';
