-- name: lease_acquire
-- Takes the lease when nobody holds it or its time is over; returns the new fence, or no row when somebody else holds it.
-- cross-workspace: the lease belongs to the whole outbox
INSERT INTO relay_lease AS lease (name, holder, fence, expires_at)
VALUES (:lease, :holder, 1, clock_timestamp() + make_interval(secs => :seconds::float8))
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, fence = lease.fence + 1, expires_at = excluded.expires_at
WHERE lease.holder IS NULL OR lease.expires_at <= clock_timestamp()
RETURNING fence;

-- name: lease_renew
-- Extends the lease of the holder with this fence while its time is not over.
-- cross-workspace: the lease belongs to the whole outbox
UPDATE relay_lease
SET expires_at = clock_timestamp() + make_interval(secs => :seconds::float8)
WHERE name = :lease AND fence = :fence AND holder IS NOT NULL AND expires_at > clock_timestamp();

-- name: lease_release
-- Gives the lease back, so that the next relay need not wait for its end.
-- cross-workspace: the lease belongs to the whole outbox
UPDATE relay_lease
SET holder = NULL, expires_at = NULL
WHERE name = :lease AND fence = :fence;

-- name: outbox_claim
-- The oldest events that are due, without a cursor, so that a transaction that commits late is found as well. A key with a failed event
-- that is not due yet is left out as a whole. Stops after :bytes bytes of bodies, but takes one event at least.
-- cross-workspace: the relay publishes for every workspace
WITH head AS (
    SELECT o.id, sum(octet_length(o.body)) OVER (ORDER BY o.id) - octet_length(o.body) AS before
    FROM (
        SELECT c.id, c.body
        FROM outbox c
        WHERE NOT EXISTS (
            SELECT FROM outbox held
            WHERE held.topic = c.topic AND held.ordering_key = c.ordering_key
              AND held.attempts > 0 AND held.next_attempt_at > clock_timestamp())
        ORDER BY c.id
        LIMIT :events) o)
SELECT o.id, o.workspace_id, o.topic, o.ordering_key, o.body, o.attributes, o.attempts, o.event_id
FROM head
JOIN outbox o ON o.id = head.id
WHERE head.before < :bytes
  AND EXISTS (SELECT FROM relay_lease l WHERE l.name = :lease AND l.fence = :fence AND l.expires_at > clock_timestamp())
ORDER BY o.id;

-- name: outbox_delete
-- Removes published events; does nothing for a relay whose lease another one has taken.
-- cross-workspace: the relay publishes for every workspace
DELETE FROM outbox o
USING relay_lease l
WHERE l.name = :lease AND l.fence = :fence AND o.id = ANY(:ids::bigint[]);

-- name: outbox_failed
-- Notes a failed attempt and when to try again; does nothing for a relay whose lease another one has taken.
-- cross-workspace: the relay publishes for every workspace
UPDATE outbox o
SET attempts = o.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => f.seconds)
FROM unnest(:ids::bigint[], :seconds::float8[]) AS f (id, seconds), relay_lease l
WHERE l.name = :lease AND l.fence = :fence AND o.id = f.id;

-- name: outbox_park
-- Moves hopeless events aside; does nothing for a relay whose lease another one has taken.
-- cross-workspace: the relay publishes for every workspace
WITH hopeless AS (
    DELETE FROM outbox o
    USING relay_lease l
    WHERE l.name = :lease AND l.fence = :fence AND o.id = ANY(:ids::bigint[])
    RETURNING o.id, o.workspace_id, o.event_id, o.topic, o.ordering_key, o.body, o.attributes)
INSERT INTO parked (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key)
SELECT 'out', h.workspace_id, h.topic, h.event_id::text, coalesce(h.attributes ->> 'ce-type', ''), r.reason, h.body, h.attributes,
    h.ordering_key
FROM hopeless h
JOIN unnest(:ids::bigint[], :reasons::text[]) AS r (id, reason) ON r.id = h.id
WHERE NOT EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = h.workspace_id)
ORDER BY h.id
ON CONFLICT (workspace_id, direction, source, event_id) DO UPDATE
SET state = 'parked', reason = excluded.reason, body = excluded.body, parked_at = clock_timestamp()
WHERE parked.state = 'replayed';

-- name: outbox_backlog
-- How many events wait, and for how many seconds the oldest has waited; what the alert on a stuck relay watches.
-- cross-workspace: the relay publishes for every workspace
SELECT count(*) AS events, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_seconds
FROM outbox;

-- name: inbox_purge
-- Forgets events heard long ago, at most :events of them; the broker cannot deliver them any more.
-- cross-workspace: upkeep of the whole inbox
DELETE FROM inbox
WHERE ctid = ANY(ARRAY(
    SELECT i.ctid FROM inbox i
    WHERE i.received_at < clock_timestamp() - make_interval(days => :days::int)
    LIMIT :events));

-- name: parked_insert
-- Parks messages that came in. One that is parked already stays as it is; one that fails again after a replay is parked anew.
-- Nothing of an erased workspace is kept.
-- cross-workspace: a message that cannot be read belongs to no workspace
INSERT INTO parked (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key)
SELECT 'in', p.workspace_id, p.source, p.event_id, p.type, p.reason, p.body, p.attributes, p.ordering_key
FROM unnest(:workspace_ids::text[], :sources::text[], :event_ids::text[], :types::text[], :reasons::text[], :bodies::bytea[],
    :attributes::jsonb[], :ordering_keys::text[])
    AS p (workspace_id, source, event_id, type, reason, body, attributes, ordering_key)
WHERE NOT EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = p.workspace_id)
ON CONFLICT (workspace_id, direction, source, event_id) DO UPDATE
SET state = 'parked', reason = excluded.reason, body = excluded.body, parked_at = clock_timestamp()
WHERE parked.state = 'replayed';

-- name: parked_page
-- Parked messages of one state, newest first, before a given id.
-- cross-workspace: operators look after the service, not after a workspace
SELECT id, direction, workspace_id, source, event_id, type, reason, attributes, ordering_key, octet_length(body) AS size, parked_at, state
FROM parked
WHERE state = :state AND id < :before
ORDER BY id DESC
LIMIT :messages;

-- name: parked_by_id
-- One parked message, with its body.
-- cross-workspace: operators look after the service, not after a workspace
SELECT id, direction, workspace_id, source, event_id, type, reason, attributes, ordering_key, octet_length(body) AS size, parked_at, state,
    body
FROM parked
WHERE id = :id;

-- name: parked_republish
-- Puts an outgoing message back into the outbox, once.
-- cross-workspace: operators look after the service, not after a workspace
WITH replayed AS (
    UPDATE parked
    SET state = 'replayed'
    WHERE id = :id AND direction = 'out' AND state = 'parked'
    RETURNING workspace_id, event_id, source, ordering_key, body, attributes)
INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes)
SELECT workspace_id, event_id::uuid, source, ordering_key, body, attributes
FROM replayed;

-- name: parked_replayed
-- Notes that an incoming message has been processed after all.
-- cross-workspace: operators look after the service, not after a workspace
UPDATE parked
SET state = 'replayed'
WHERE id = :id AND direction = 'in' AND state = 'parked';

-- name: parked_drop
-- Throws a parked message away: its body is gone, that it existed and why it was parked stays.
-- cross-workspace: operators look after the service, not after a workspace
UPDATE parked
SET state = 'dropped', body = ''
WHERE id = :id AND state = 'parked';

-- name: requests_purge
-- Forgets the oldest of the requests whose answers nobody may ask for any more, :requests of them, and those of the same moment as the last.
-- cross-workspace: upkeep of all requests
DELETE FROM idempotent_requests
WHERE created_at <= (
    SELECT max(old.created_at)
    FROM (
        SELECT r.created_at FROM idempotent_requests r
        WHERE r.created_at < now() - make_interval(secs => :kept_seconds::float8)
        ORDER BY r.created_at
        LIMIT :requests) old);

-- name: parked_waiting
-- How many messages wait for a person.
-- cross-workspace: operators watch the service, not a workspace
SELECT count(*) FROM parked WHERE state = 'parked';

-- name: transactions_next
-- The number that the next transaction of any service gets: all that have begun to write have lower ones.
-- cross-workspace: reads no table
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next;

-- name: transactions_oldest
-- The lowest number of a transaction that is not over.
-- cross-workspace: reads no table
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest;

-- name: tombstones_due
-- Workspaces whose erasure is to be carried on.
-- cross-workspace: the erasures of all workspaces
SELECT workspace_id
FROM tombstones
WHERE next_at <= now()
ORDER BY next_at
LIMIT :most;

-- name: erase_outbox
-- What was to be said is not said any more, but for what answers the erasure itself.
-- cross-workspace: the application writes to the outbox and never reads it
DELETE FROM outbox
WHERE id = ANY(ARRAY(
    SELECT o.id FROM outbox o
    WHERE o.workspace_id = :workspace AND o.topic NOT IN ('erasure', 'erasure-receipts')
    LIMIT :most));

-- name: erase_parked
-- So many rows of parked, which an operator may have looked at.
-- cross-workspace: parked messages are the operators'
DELETE FROM parked
WHERE id = ANY(ARRAY(SELECT p.id FROM parked p WHERE p.workspace_id = :workspace LIMIT :most));

-- name: person_erasures_due
-- Attempts to erase a person's data that are to be carried on.
-- cross-workspace: the erasures of all workspaces
SELECT workspace_id, erasure_id, attempt
FROM person_erasures
WHERE next_at <= now()
ORDER BY next_at
LIMIT :most;

-- name: person_erase_parked
-- Messages that name one of these people, so many at once: as what they are about, or anywhere in them.
-- cross-workspace: parked messages are the operators'
DELETE FROM parked
WHERE id = ANY(ARRAY(
    SELECT p.id FROM parked p
    WHERE p.workspace_id = :workspace AND EXISTS (
        SELECT FROM unnest(:user_ids::text[]) AS u (id)
        WHERE p.ordering_key = p.workspace_id || '/' || u.id OR position(convert_to(u.id, 'UTF8') IN p.body) > 0)
    LIMIT :most));

-- name: forgotten_purge
-- Lets the oldest marks go of people of whom the broker can deliver nothing any more that was said before, :people of them, and those of the
-- same moment as the last.
-- cross-workspace: upkeep of all marks
DELETE FROM forgotten_people
WHERE until <= (
    SELECT max(old.until)
    FROM (
        SELECT f.until FROM forgotten_people f
        WHERE f.until < now() - make_interval(days => :days::int)
        ORDER BY f.until
        LIMIT :people) old);
