-- The search for a person by an address, and what carries the address alone. Each attempt is a search of its own; every change that a worker
-- makes carries its fence.

-- name: person_search_ask
-- Notes that retention asks for a search. One that is asked for anew, by a retention that was restored, begins anew.
INSERT INTO person_searches AS known (workspace_id, erasure_id, attempt, email)
VALUES (:workspace_id, :erasure_id, :attempt, :email)
ON CONFLICT (workspace_id, erasure_id, attempt) DO UPDATE
SET email = excluded.email, stage = 'reading', source = 'listed_calls', after_run = '00000000-0000-0000-0000-000000000000', after_key = '',
    barrier = NULL, fence = known.fence + 1, next_at = now()
WHERE known.workspace_id = :workspace_id;

-- name: person_search_claim
-- A search that is due, to be looked at again in so many seconds whatever becomes of whoever has taken it. Written so that the sweep's index
-- does not serve it: the key leads to the one row.
UPDATE person_searches
SET next_at = now() + make_interval(secs => :seconds::float8), fence = fence + 1
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND coalesce(next_at, 'infinity') <= now()
RETURNING fence;

-- name: person_search_held
-- How far the search is, locked until the transaction ends; no row when another worker has it.
SELECT email, stage, source, after_run, after_key, barrier
FROM person_searches
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence AND stage <> 'answered'
FOR UPDATE;

-- name: person_search_read_on
-- Behind which row of what it goes on, and that it is kept for so many seconds more.
UPDATE person_searches
SET source = :source, after_run = :after_run, after_key = :after_key, next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence;

-- name: person_search_hold
-- All is read, and what was found is held: the transactions from before have to end.
UPDATE person_searches
SET stage = 'holding', barrier = NULL
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence;

-- name: person_search_bar
-- Notes the first transaction that cannot have looked before the tombstones were there.
UPDATE person_searches
SET barrier = :barrier
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence AND barrier IS NULL;

-- name: person_search_later
-- When to carry on with what is not answered.
UPDATE person_searches
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence AND stage <> 'answered';

-- name: person_search_answered
-- The search is answered, with what it has erased besides: whom it looked for is forgotten.
UPDATE person_searches
SET stage = 'answered', email = NULL, next_at = NULL, rows = :rows::jsonb
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt AND fence = :fence;

-- name: person_search_rows
-- What a search has erased and the erasure has not told of yet.
SELECT rows
FROM person_searches
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt
FOR UPDATE;

-- name: person_search_told
-- The erasure tells of it.
UPDATE person_searches
SET rows = '{}'
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt;

-- name: person_finds_add
-- Calls in which the person took part.
INSERT INTO person_finds (workspace_id, erasure_id, attempt, provider, call_id)
SELECT :workspace_id, :erasure_id, :attempt, 'gong', c.call_id
FROM unnest(:call_ids::text[]) AS c (call_id)
ON CONFLICT (workspace_id, erasure_id, attempt, provider, call_id) DO NOTHING;

-- name: person_finds_count
-- How many calls were found, with those that are held for the same person already.
SELECT count(*)
FROM (
    SELECT f.provider, f.call_id FROM person_finds f
    WHERE f.workspace_id = :workspace_id AND f.erasure_id = :erasure_id AND f.attempt = :attempt
    UNION
    SELECT t.provider, t.call_id FROM call_tombstones t
    WHERE t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id) found;

-- name: person_finds_hold
-- Lets nothing more be added for the calls that were found, once this is committed.
INSERT INTO call_tombstones (workspace_id, provider, call_id, erasure_id)
SELECT :workspace_id, f.provider, f.call_id, f.erasure_id
FROM person_finds f
WHERE f.workspace_id = :workspace_id AND f.erasure_id = :erasure_id AND f.attempt = :attempt
ORDER BY f.provider, f.call_id
ON CONFLICT (workspace_id, provider, call_id, erasure_id) DO NOTHING;

-- name: person_finds_forget
-- They are answered, or held.
DELETE FROM person_finds
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt;

-- name: person_reads_held_calls
-- Calls that are held, with the object of each, behind one.
SELECT call_id, object_name, sha256
FROM held_calls
WHERE workspace_id = :workspace_id AND provider = 'gong' AND call_id > :after_key
ORDER BY call_id
LIMIT :most;

-- name: person_reads_run_calls
-- Calls of runs behind one: the metadata of those that wait, and the objects of those that are held no more as they were.
SELECT r.run_id, r.call_id, r.metadata, r.object_name, r.sha256,
    EXISTS (SELECT FROM held_calls h
            WHERE h.workspace_id = :workspace_id AND h.provider = 'gong' AND h.call_id = r.call_id AND h.object_name = r.object_name) AS is_held
FROM run_calls r
WHERE r.workspace_id = :workspace_id AND (r.run_id, r.call_id) > (:after_run::uuid, :after_key::text)
ORDER BY r.run_id, r.call_id
LIMIT :most;

-- name: person_reads_run_pages
-- Pages of lists that runs have read, behind one.
SELECT run_id, number, call_ids, metadata
FROM run_pages
WHERE workspace_id = :workspace_id AND (run_id, number) > (:after_run::uuid, :after_number::int)
ORDER BY run_id, number
LIMIT :most;

-- name: person_reads_listed_calls
-- Calls of the list that a preview has read, behind one.
SELECT call_id, metadata
FROM listed_calls
WHERE workspace_id = :workspace_id AND provider = 'gong' AND call_id > :after_key
ORDER BY call_id
LIMIT :most;

-- name: person_known_as
-- Ids of users whom the address belongs to, or belonged to, and whether each is a member, under whatever address.
SELECT u.user_id,
    EXISTS (SELECT FROM members p WHERE p.workspace_id = :workspace_id AND p.user_id = u.user_id AND NOT p.removed) AS is_member
FROM (
    SELECT m.user_id FROM members m WHERE m.workspace_id = :workspace_id AND lower(m.email) = :email
    UNION
    SELECT k.created_by FROM api_keys k WHERE k.workspace_id = :workspace_id AND lower(k.created_by_email) = :email
    UNION
    SELECT i.actor_id FROM intents i WHERE i.workspace_id = :workspace_id AND lower(i.actor_email) = :email) u
ORDER BY u.user_id;

-- name: person_addressed
-- How many rows carry the address and lead to nobody who is known.
SELECT (SELECT count(*) FROM invitations v WHERE v.workspace_id = :workspace_id AND lower(v.email) = :email)
    + (SELECT count(*) FROM intents i WHERE i.workspace_id = :workspace_id AND lower(i.target) = :email)
    + (SELECT count(*) FROM jobs j WHERE j.workspace_id = :workspace_id AND strpos(lower(j.filter::text), :email) > 0
           AND j.state IN ('done', 'failed', 'cancelled')) AS rows;

-- name: addressed_invitations
-- Invitations to the address, whatever became of them.
SELECT id
FROM invitations
WHERE workspace_id = :workspace_id AND lower(email) = :email
ORDER BY id;

-- name: addressed_erase_invitations
-- They go.
DELETE FROM invitations
WHERE workspace_id = :workspace_id AND lower(email) = :email;

-- name: addressed_erase_intents
-- What was about to be asked of Clerk for the address.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND lower(target) = :email;

-- name: addressed_empty_jobs
-- What jobs that have ended were asked for, where that names the address.
UPDATE jobs
SET filter = '{}'::jsonb
WHERE workspace_id = :workspace_id AND strpos(lower(filter::text), :email) > 0 AND state IN ('done', 'failed', 'cancelled');
