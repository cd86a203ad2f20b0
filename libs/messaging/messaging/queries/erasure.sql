-- name: tombstone_set
-- Lets nothing more be added for the workspace. One that is there stays as it is.
INSERT INTO tombstones (workspace_id, erasure_id, asked_at, due_at)
VALUES (:workspace_id, :erasure_id, :asked_at, :due_at)
ON CONFLICT (workspace_id) DO NOTHING
RETURNING erasure_id;

-- name: tombstone_again
-- The erasure is asked for anew, by somebody who has forgotten what was answered: it is gone through again and answered again.
UPDATE tombstones
SET told = false, stage = CASE stage WHEN 'erased' THEN 'closed' ELSE stage END, asked_attempt = 0, answered_attempt = 0, next_at = now()
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id;

-- name: tombstone_read
-- The workspace's tombstone.
SELECT erasure_id, asked_at, due_at, stage, barrier, told, asked_attempt, answered_attempt, others, rows, objects, providers,
    extract(epoch FROM clock_timestamp() - erased_at)::float8 AS erased_seconds
FROM tombstones
WHERE workspace_id = :workspace_id;

-- name: tombstone_claim
-- The workspace's erasure where it is due, to be looked at again in so many seconds whatever becomes of whoever has taken it. Written so that
-- the sweep's index does not serve it: the key leads to the one row.
UPDATE tombstones
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND coalesce(next_at, 'infinity') <= now()
RETURNING erasure_id;

-- name: tombstone_later
-- When to carry on; where no seconds are given, at once if something was asked for since the worker has looked, and else never.
UPDATE tombstones
SET next_at = coalesce(now() + make_interval(secs => :seconds::float8),
        CASE WHEN stage <> 'erased' OR asked_attempt > answered_attempt THEN now() END)
WHERE workspace_id = :workspace_id;

-- name: tombstone_bar
-- Notes the first transaction that cannot have looked before the stage was there.
UPDATE tombstones
SET barrier = :barrier
WHERE workspace_id = :workspace_id AND barrier IS NULL;

-- name: tombstone_told
-- It has been told that the workspace is frozen; a row the first time.
UPDATE tombstones
SET told = true
WHERE workspace_id = :workspace_id AND NOT told
RETURNING erasure_id;

-- name: tombstone_close
-- From now on nothing may be added at all; who has not seen that has to end first.
UPDATE tombstones
SET stage = 'closed', barrier = NULL
WHERE workspace_id = :workspace_id AND stage = 'frozen';

-- name: tombstone_count
-- Adds to what was erased.
UPDATE tombstones
SET rows = CASE WHEN :rows::bigint > 0
        THEN rows || jsonb_build_object(:relation::text, coalesce((rows ->> :relation::text)::bigint, 0) + :rows::bigint) ELSE rows END,
    objects = objects + :objects::bigint, next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id;

-- name: tombstone_providers
-- Notes how access was ended at the providers.
UPDATE tombstones
SET providers = :providers::jsonb
WHERE workspace_id = :workspace_id;

-- name: tombstone_erased
-- All is gone; a row the first time.
UPDATE tombstones
SET stage = 'erased', erased_at = clock_timestamp(), next_at = CASE WHEN asked_attempt > answered_attempt THEN now() END
WHERE workspace_id = :workspace_id AND stage <> 'erased'
RETURNING erasure_id;

-- name: tombstone_verify
-- A verification is asked for.
UPDATE tombstones
SET asked_attempt = :attempt, next_at = coalesce(next_at, now())
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND asked_attempt < :attempt;

-- name: tombstone_answered
-- A verification has been done; a row the first time.
UPDATE tombstones
SET answered_attempt = :attempt, next_at = CASE WHEN asked_attempt > :attempt THEN now() END
WHERE workspace_id = :workspace_id AND answered_attempt < :attempt
RETURNING erasure_id;

-- name: tombstone_other
-- Another service has erased.
UPDATE tombstones
SET others = array_append(others, :service::text), next_at = least(next_at, now())
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND NOT :service::text = ANY(others);

-- name: erase_inbox
-- What was heard, but for the erasure's own messages: their ids go with upkeep, as those of all messages do.
DELETE FROM inbox
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT i.ctid FROM inbox i
    WHERE i.workspace_id = :workspace_id AND i.consumer NOT LIKE '%.erasure' AND i.consumer NOT LIKE '%.erasure-receipts'
    LIMIT :most));

-- name: erase_idempotent_requests
-- So many rows of idempotent_requests.
DELETE FROM idempotent_requests
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM idempotent_requests x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_request_allowances
-- So many rows of request_allowances.
DELETE FROM request_allowances
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM request_allowances x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_known_api_keys
-- So many rows of known_api_keys.
DELETE FROM known_api_keys
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM known_api_keys x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_known_staff_grants
-- So many rows of known_staff_grants.
DELETE FROM known_staff_grants
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM known_staff_grants x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_memberships
-- So many rows of memberships.
DELETE FROM memberships
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM memberships x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_person_erasures
-- So many rows of person_erasures.
DELETE FROM person_erasures
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM person_erasures x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_forgotten_people
-- So many rows of forgotten_people.
DELETE FROM forgotten_people
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM forgotten_people x WHERE x.workspace_id = :workspace_id LIMIT :most));
