-- Requests to erase one person's data. The statements that those of workspaces have too (erasures.sql) do the same here.

-- name: person_request_ask
-- Notes a request; no row when there is one for this person that is under way.
INSERT INTO person_requests (workspace_id, id, email, by_staff, asked_by, ticket, asked_at, zone, take_back_until, target_at, alarm_at, deadline,
                             next_at)
VALUES (:workspace_id, :id, :email, :by_staff, :asked_by, :ticket, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline,
        :take_back_until)
ON CONFLICT (workspace_id, email) WHERE state IN ('asked', 'erasing', 'verifying') DO NOTHING
RETURNING id;

-- name: person_request_open
-- The request for a person that is under way.
SELECT id, state, by_staff, asked_by, ticket, email, user_ids, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, found_attempt, told_attempt, calls, more, is_new, calls_found, rows_by_address, ledger, completed_at
FROM person_requests
WHERE workspace_id = :workspace_id AND email = :email AND state IN ('asked', 'erasing', 'verifying');

-- name: person_request_read
-- A request.
SELECT id, state, by_staff, asked_by, ticket, email, user_ids, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, found_attempt, told_attempt, calls, more, is_new, calls_found, rows_by_address, ledger, completed_at
FROM person_requests
WHERE workspace_id = :workspace_id AND id = :id;

-- name: person_requests_of_workspace
-- The newest requests of a workspace.
SELECT id, state, by_staff, asked_by, ticket, email, user_ids, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, found_attempt, told_attempt, calls, more, is_new, calls_found, rows_by_address, ledger, completed_at
FROM person_requests
WHERE workspace_id = :workspace_id
ORDER BY asked_at DESC, id DESC
LIMIT :limit;

-- name: person_request_restore
-- An attempt that the ledger names and a restored database does not know: it is under way, and all were told of it. No row where it is known as
-- that, or the request as ended. An address that is still known stays, so that the person can be looked for. Where there is none, the ledger alone
-- knows of the request: each of its attempts has calls that no other has.
INSERT INTO person_requests (workspace_id, id, state, by_staff, asked_at, zone, take_back_until, target_at, alarm_at, deadline, started_at, next_at,
                             user_ids, attempt, found_attempt, told_attempt, is_new, calls_found, ledger)
VALUES (:workspace_id, :id, 'erasing', :by_staff, :asked_at, :zone, :take_back_until, :target_at, :alarm_at, :deadline, now(), now(),
        :user_ids::text[], :attempt, :attempt, :attempt, true, :calls::bigint, :ledger::jsonb)
ON CONFLICT (workspace_id, id) DO UPDATE
SET state = 'erasing', started_at = coalesce(person_requests.started_at, now()), taken_back_at = NULL, user_ids = excluded.user_ids,
    attempt = excluded.attempt, found_attempt = excluded.attempt, told_attempt = excluded.attempt, calls = NULL, more = false, is_new = true,
    calls_found = CASE WHEN person_requests.email IS NULL AND person_requests.told_attempt > 0 THEN person_requests.calls_found + excluded.calls_found
        ELSE greatest(person_requests.calls_found, excluded.calls_found) END,
    settled_at = NULL, ledger = person_requests.ledger || excluded.ledger, next_at = now(), fence = person_requests.fence + 1
WHERE person_requests.workspace_id = :workspace_id
  AND person_requests.state IN ('asked', 'taken_back', 'erasing', 'verifying') AND person_requests.told_attempt < excluded.told_attempt
RETURNING id;

-- name: person_request_end
-- There is nothing to erase, or the person is a member: the request ends, and tells of nobody.
UPDATE person_requests
SET state = :state, completed_at = now(), asked_by = NULL, ticket = NULL, email = NULL, user_ids = NULL, calls = NULL, next_at = NULL,
    leased_until = NULL, failures = 0, outcome = ''
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('asked', 'erasing', 'verifying')
RETURNING id;

-- name: person_requests_with_workspace
-- The workspace is erased, and all people's data with it: what was asked ends, and no request tells of anybody.
UPDATE person_requests
SET state = CASE WHEN state IN ('asked', 'erasing', 'verifying') THEN 'with_workspace' ELSE state END,
    completed_at = CASE WHEN state IN ('asked', 'erasing', 'verifying') THEN now() ELSE completed_at END,
    next_at = NULL, leased_until = NULL, asked_by = NULL, ticket = NULL, email = NULL, user_ids = NULL, calls = NULL
WHERE workspace_id = :workspace_id
  AND (state IN ('asked', 'erasing', 'verifying')
       OR asked_by IS NOT NULL OR ticket IS NOT NULL OR email IS NOT NULL OR user_ids IS NOT NULL OR calls IS NOT NULL);

-- name: person_request_lock
-- A request, held until the transaction ends.
SELECT id, state, by_staff, asked_by, ticket, email, user_ids, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at, started_at,
       erased_at, attempt, found_attempt, told_attempt, calls, more, is_new, calls_found, rows_by_address, ledger, completed_at
FROM person_requests
WHERE workspace_id = :workspace_id AND id = :id
FOR UPDATE;

-- name: person_request_take_back
-- Takes a request back while that is possible, by the database's clock; no row when it is not.
UPDATE person_requests
SET state = 'taken_back', taken_back_at = now(), asked_by = NULL, ticket = NULL, email = NULL, user_ids = NULL, calls = NULL, next_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked' AND take_back_until > now()
RETURNING id;

-- name: person_request_parts
-- What was reported of it.
SELECT service, frozen_at, erased_at, verified_at, attempt, erased_rows, objects, left_rows
FROM person_request_parts
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id
ORDER BY service;

-- name: person_request_parts_begin
-- The parts there will be: of each of the services.
INSERT INTO person_request_parts (workspace_id, erasure_id, service)
SELECT :workspace_id, :erasure_id, told.service
FROM unnest(:services::text[]) AS told (service)
ON CONFLICT (workspace_id, erasure_id, service) DO NOTHING;

-- name: person_request_part_keep
-- Keeps what was reported so far.
UPDATE person_request_parts
SET frozen_at = :frozen_at, erased_at = :erased_at, verified_at = :verified_at, attempt = :attempt, erased_rows = :erased_rows::jsonb,
    objects = :objects, left_rows = :left_rows::jsonb
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND service = :service;

-- name: person_request_wake
-- Has the worker look at a request that is under way, now.
UPDATE person_requests
SET next_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND state IN ('erasing', 'verifying');

-- name: person_request_claim
-- Takes a request that is due; no row when somebody else has it, or it is not due any more. It is looked at again when the lease is over.
-- Written so that the sweep's index does not serve it: the key leads to the one row.
UPDATE person_requests
SET fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8),
    next_at = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND coalesce(next_at, 'infinity') <= clock_timestamp()
  AND (leased_until IS NULL OR leased_until <= clock_timestamp())
RETURNING fence, failures;

-- name: person_request_start
-- The time to take it back is over: the first attempt begins. No row when the claim was lost.
UPDATE person_requests
SET state = 'erasing', started_at = now(), attempt = 1
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'asked' AND take_back_until <= clock_timestamp()
RETURNING id;

-- name: person_request_looked
-- What was found before anything is begun: counts, to be shown.
UPDATE person_requests
SET found_attempt = 0, calls_found = :calls_found, rows_by_address = :rows_by_address
WHERE workspace_id = :workspace_id AND id = :id AND state = 'asked' AND attempt = 0;

-- name: person_request_found
-- What this attempt is about. No row where that was known before.
UPDATE person_requests
SET found_attempt = :attempt, user_ids = :user_ids::text[], calls = :calls::jsonb, more = :more, is_new = :is_new,
    calls_found = greatest(calls_found, :calls_found::bigint), rows_by_address = greatest(rows_by_address, :rows_by_address::bigint)
WHERE workspace_id = :workspace_id AND id = :id AND attempt = :attempt AND found_attempt < :attempt AND state IN ('erasing', 'verifying')
RETURNING id;

-- name: person_request_told
-- All services are told of this attempt; what the ledger has of it. No row when the claim was lost.
UPDATE person_requests
SET told_attempt = :attempt, ledger = ledger || :ledger::jsonb
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND attempt = :attempt AND found_attempt = :attempt AND told_attempt < :attempt
  AND state IN ('erasing', 'verifying')
RETURNING id;

-- name: person_request_settle
-- All is erased that was found: it is waited for who was at work then. For how many seconds still. No row when the claim was lost.
UPDATE person_requests
SET erased_at = coalesce(erased_at, now()), settled_at = coalesce(settled_at, clock_timestamp() + make_interval(secs => :seconds::float8))
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state IN ('erasing', 'verifying')
RETURNING greatest(0, extract(epoch FROM settled_at - clock_timestamp()))::float8 AS seconds;

-- name: person_request_verify
-- The next attempt: it looks for what is left, or erases what this one had no room for. No row when the claim was lost.
UPDATE person_requests
SET state = CASE WHEN more THEN state ELSE 'verifying' END, attempt = attempt + 1, calls = NULL, more = false, is_new = false, settled_at = NULL
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND attempt = :attempt AND told_attempt = :attempt
  AND state IN ('erasing', 'verifying') AND (more OR erased_at IS NOT NULL)
RETURNING id;

-- name: person_request_complete
-- It is done, and tells of nobody. No row when the claim was lost.
UPDATE person_requests
SET state = 'completed', completed_at = :completed_at, certificate = :certificate, certificate_pdf = :certificate_pdf, asked_by = NULL, ticket = NULL,
    email = NULL, user_ids = NULL, calls = NULL, next_at = NULL, leased_until = NULL, failures = 0, outcome = ''
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND state = 'verifying'
RETURNING id;

-- name: person_request_rest
-- A step is made, or could not be: looked at again in so many seconds, or as soon as something was told since the claim. Nothing when the
-- claim was lost, or it has ended meanwhile.
UPDATE person_requests
SET leased_until = NULL, failures = :failures, outcome = :outcome,
    next_at = CASE WHEN next_at <= clock_timestamp() THEN next_at ELSE clock_timestamp() + make_interval(secs => :seconds::float8) END
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND completed_at IS NULL;

-- name: person_request_alarmed
-- Staff is told that it takes long; no row when it was told before.
UPDATE person_requests
SET alarmed_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND alarmed_at IS NULL AND state IN ('asked', 'erasing', 'verifying')
RETURNING id;

-- name: person_request_certificate
-- The certificate of a request that is completed.
SELECT certificate, certificate_pdf
FROM person_requests
WHERE workspace_id = :workspace_id AND id = :id AND state = 'completed';

-- name: person_erase_sub_processor_notices
-- Which new sub-processors the person was shown.
DELETE FROM sub_processor_notices
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM sub_processor_notices x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_checkouts
-- What the person has bought for the workspace was bought by nobody.
UPDATE checkouts
SET user_id = '', email = ''
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM checkouts x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_erasures
-- Requests that the person has made, and that are not over, were made by nobody.
UPDATE erasures
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND asked_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM erasures x
    WHERE x.workspace_id = :workspace_id AND x.asked_by = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_report_erasures
-- The same of single reports.
UPDATE report_erasures
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND asked_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM report_erasures x
    WHERE x.workspace_id = :workspace_id AND x.asked_by = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_person_requests
-- The same of other people's data.
UPDATE person_requests
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND asked_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM person_requests x
    WHERE x.workspace_id = :workspace_id AND x.asked_by = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_address_checkouts
-- The same by the person's address, where no id leads to it.
UPDATE checkouts
SET user_id = '', email = ''
WHERE workspace_id = :workspace_id AND lower(email) = :email;

-- name: person_address_erasures
-- Who asks is noted by their address.
UPDATE erasures
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND lower(asked_by) = :email;

-- name: person_address_report_erasures
-- Who asks is noted by their address.
UPDATE report_erasures
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND lower(asked_by) = :email;

-- name: person_address_person_requests
-- Who asks is noted by their address.
UPDATE person_requests
SET asked_by = NULL
WHERE workspace_id = :workspace_id AND lower(asked_by) = :email;
