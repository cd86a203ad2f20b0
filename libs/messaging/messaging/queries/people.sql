-- What every service has of a person whose data is erased. All that begins with `person_erase_` or `person_empty_` is run in this order; a
-- test holds the statements and `person:` in erasure.yaml together.

-- name: person_order_set
-- Notes that retention asks for a person's data to be erased. An attempt that is asked for anew, by a retention that was restored, is
-- carried out and answered anew.
INSERT INTO person_erasures AS known (workspace_id, erasure_id, attempt, asked_at, due_at, user_ids)
VALUES (:workspace_id, :erasure_id, :attempt, :asked_at, :due_at, :user_ids::text[])
ON CONFLICT (workspace_id, erasure_id, attempt) DO UPDATE
SET asked_at = excluded.asked_at, due_at = excluded.due_at, user_ids = excluded.user_ids, barrier = NULL, rows = '{}', objects = 0,
    taken_at = now(), next_at = now(), answered_at = NULL
WHERE known.workspace_id = :workspace_id;

-- name: person_order_read
-- How far an attempt is, and for how many seconds it has been here.
SELECT erasure_id, attempt, asked_at, due_at, user_ids, barrier, rows, objects, taken_at, answered_at,
    extract(epoch FROM clock_timestamp() - taken_at)::float8 AS seconds
FROM person_erasures
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt;

-- name: person_order_claim
-- An attempt that is due, to be looked at again in so many seconds whatever becomes of whoever has taken it. Written so that the sweep's
-- index does not serve it: the key leads to the one row.
UPDATE person_erasures
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND coalesce(next_at, 'infinity') <= now()
RETURNING erasure_id;

-- name: person_order_later
-- When to carry on.
UPDATE person_erasures
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND answered_at IS NULL;

-- name: person_order_bar
-- Notes the first transaction that cannot have looked before the order was there.
UPDATE person_erasures
SET barrier = :barrier
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND barrier IS NULL AND answered_at IS NULL;

-- name: person_order_count
-- Adds to what an attempt has erased, and keeps it for so many seconds more.
UPDATE person_erasures
SET rows = CASE WHEN :rows::bigint > 0
        THEN rows || jsonb_build_object(:relation::text, coalesce((rows ->> :relation::text)::bigint, 0) + :rows::bigint) ELSE rows END,
    objects = objects + :objects::bigint, next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND answered_at IS NULL;

-- name: person_order_answered
-- All of an attempt is gone, and whose data it was is forgotten; a row the first time, none where it was asked for anew since.
UPDATE person_erasures
SET answered_at = clock_timestamp(), next_at = NULL, user_ids = '{}'
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND answered_at IS NULL AND taken_at = :taken_at
RETURNING erasure_id, rows, objects;

-- name: people_forget
-- Nothing is kept of these people that happened until then. In the order of the marks, so that two orders never wait for each other.
INSERT INTO forgotten_people AS known (workspace_id, mark, until)
SELECT :workspace_id, m.mark, :until
FROM unnest(:marks::bytea[]) AS m (mark)
ORDER BY m.mark
ON CONFLICT (workspace_id, mark) DO UPDATE
SET until = greatest(known.until, excluded.until)
WHERE known.workspace_id = :workspace_id;

-- name: person_forgotten
-- A row where what happened to somebody at a moment is not to be kept.
SELECT until
FROM forgotten_people
WHERE workspace_id = :workspace_id AND mark = :mark AND until >= :happened_at;

-- name: membership_forget
-- The end of a membership that is forgotten: what is known from before goes, and nothing is noted instead.
DELETE FROM memberships
WHERE workspace_id = :workspace_id AND user_id = :user_id AND sequence < :sequence;

-- name: person_keys
-- The API keys that some people made.
SELECT key_id
FROM known_api_keys
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]);

-- name: person_erase_request_allowances
-- Counters of people and of their keys, so many at once.
DELETE FROM request_allowances
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM request_allowances x
    WHERE x.workspace_id = :workspace_id AND x.subject = ANY(:subjects::text[])
    LIMIT :most));

-- name: person_empty_known_api_keys
-- Of keys that were taken back: whom they acted for. That they were stays, so that no older message makes them good again. A key that was not
-- is taken back by a message that is on its way, and names nobody from then on.
UPDATE known_api_keys
SET user_id = '', email = ''
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]) AND revoked AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM known_api_keys x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[]) AND x.revoked
    LIMIT :most));

-- name: person_erase_memberships
-- Places of people who have left, so many at once. Whoever is a member stays: the message of their leaving, or of their coming back, counts.
DELETE FROM memberships
WHERE workspace_id = :workspace_id AND user_id = ANY(:user_ids::text[]) AND NOT present AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM memberships x
    WHERE x.workspace_id = :workspace_id AND x.user_id = ANY(:user_ids::text[]) AND NOT x.present
    LIMIT :most));

-- name: known_api_key_forget
-- A key was taken back of somebody who is forgotten: whom it acted for goes.
UPDATE known_api_keys k
SET user_id = '', email = ''
WHERE k.workspace_id = :workspace_id AND k.key_id = :key_id AND k.revoked AND k.user_id <> '' AND EXISTS (
    SELECT FROM forgotten_people f
    WHERE f.workspace_id = :workspace_id AND f.mark = sha256(convert_to(k.user_id, 'UTF8')));
