-- Calls that are erased because of a person who took part in them. All that begins with `call_erase_` is run, in this order, for the calls of
-- one erasure that were named; a test holds it together with `person:` in migrations/erasure.yaml.

-- name: call_tombstones_set
-- Lets nothing more be added for these calls, once this is committed; each is named by the attempt that first did.
INSERT INTO call_tombstones AS known (workspace_id, provider, call_id, erasure_id, attempt)
SELECT :workspace_id, c.provider, c.call_id, :erasure_id, :attempt
FROM unnest(:providers::text[], :call_ids::text[]) AS c (provider, call_id)
ORDER BY c.provider, c.call_id
ON CONFLICT (workspace_id, provider, call_id, erasure_id) DO UPDATE
SET attempt = coalesce(known.attempt, excluded.attempt)
WHERE known.workspace_id = :workspace_id;

-- name: call_tombstones_name
-- Has an attempt name so many of the calls that are held and that no attempt has named.
UPDATE call_tombstones
SET attempt = :attempt
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt IS NULL
  AND (provider, call_id) IN (
    SELECT t.provider, t.call_id
    FROM call_tombstones t
    WHERE t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NULL
    ORDER BY t.provider, t.call_id
    LIMIT :most);

-- name: call_tombstones_named
-- The calls that an attempt names.
SELECT provider, call_id
FROM call_tombstones
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt = :attempt
ORDER BY provider, call_id;

-- name: call_tombstones_unnamed
-- How many calls are held that no attempt has named.
SELECT count(*)
FROM call_tombstones
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt IS NULL;

-- name: call_tombstones_page
-- Calls of Gong's that are named, behind one.
SELECT call_id
FROM call_tombstones
WHERE workspace_id = :workspace_id AND erasure_id = :erasure_id AND attempt IS NOT NULL AND provider = 'gong' AND call_id > :after
ORDER BY call_id
LIMIT :most;

-- name: calls_erased_among
-- Which of these calls of Gong's are erased, or are about to be.
SELECT DISTINCT t.call_id
FROM call_tombstones t
WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = ANY(:call_ids::text[]);

-- name: previews_before
-- Previews, behind one, that were asked for before the last of the calls was held: who made their samples did not leave it out. A minute more
-- covers who had looked and was not done.
SELECT j.id
FROM jobs j
WHERE j.workspace_id = :workspace_id AND j.kind = 'preview' AND j.id > :after
  AND j.created_at <= (SELECT max(t.held_at) + interval '1 minute' FROM call_tombstones t
                       WHERE t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id)
ORDER BY j.id
LIMIT :most;

-- name: erased_calls_under_way
-- Jobs that have not ended and were to fetch some of these calls.
SELECT DISTINCT r.run_id
FROM run_calls r
JOIN jobs j ON j.workspace_id = :workspace_id AND j.id = r.run_id AND j.state IN ('waiting_grant', 'ready', 'fetching')
WHERE r.workspace_id = :workspace_id AND r.state = 'chosen' AND EXISTS (
    SELECT FROM call_tombstones t
    WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = r.call_id);

-- name: job_locked
-- The job, locked until the transaction ends.
SELECT state
FROM jobs
WHERE workspace_id = :workspace_id AND id = :id
FOR UPDATE;

-- name: run_calls_let_go
-- Calls that a run was to fetch and that are erased; the job is locked, so that each is counted once.
DELETE FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state = 'chosen' AND EXISTS (
    SELECT FROM call_tombstones t
    WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = run_calls.call_id);

-- name: job_calls_let_go
-- They count as left out, as calls that are gone do. The job is locked.
UPDATE jobs
SET calls_without_transcript = calls_without_transcript + :calls::int
WHERE workspace_id = :workspace_id AND id = :id;

-- name: call_erase_run_calls
-- So many rows of run_calls. What a run that is under way was to fetch is let go before.
DELETE FROM run_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM run_calls x
    JOIN call_tombstones t ON t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NOT NULL
        AND t.provider = 'gong' AND t.call_id = x.call_id
    WHERE x.workspace_id = :workspace_id AND NOT (x.state = 'chosen' AND EXISTS (
        SELECT FROM jobs j
        WHERE j.workspace_id = :workspace_id AND j.id = x.run_id AND j.state IN ('waiting_grant', 'ready', 'fetching')))
    LIMIT :most));

-- name: call_erase_run_pages
-- So many rows of run_pages: a run whose list has a gap reads it anew, and leaves the calls out.
DELETE FROM run_pages
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM run_pages x
    WHERE x.workspace_id = :workspace_id AND EXISTS (
        SELECT FROM call_tombstones t
        WHERE t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NOT NULL
          AND t.provider = 'gong' AND t.call_id = ANY(x.call_ids || x.private_ids))
    LIMIT :most));

-- name: call_erase_listed_calls
-- So many rows of listed_calls.
DELETE FROM listed_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM listed_calls x
    JOIN call_tombstones t ON t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NOT NULL
        AND t.provider = x.provider AND t.call_id = x.call_id
    WHERE x.workspace_id = :workspace_id
    LIMIT :most));

-- name: call_erase_held_calls
-- So many rows of held_calls.
DELETE FROM held_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM held_calls x
    JOIN call_tombstones t ON t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NOT NULL
        AND t.provider = x.provider AND t.call_id = x.call_id
    WHERE x.workspace_id = :workspace_id
    LIMIT :most));

-- name: call_erase_noticed_calls
-- So many rows of noticed_calls.
DELETE FROM noticed_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM noticed_calls x
    JOIN call_tombstones t ON t.workspace_id = :workspace_id AND t.erasure_id = :erasure_id AND t.attempt IS NOT NULL
        AND t.provider = 'gong' AND t.call_id = x.call_id
    WHERE x.workspace_id = :workspace_id
    LIMIT :most));
