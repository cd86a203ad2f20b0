-- What analysis has of one person: runs that read a call of theirs, and columns that name them. `person_erase_` and `person_empty_` as in
-- messaging's people.sql; whoever did what nobody did any more is called as what a schedule fires is.

-- name: erased_calls_add
-- These calls never come into a run again. In their order, so that two orders never wait for each other.
INSERT INTO erased_calls (workspace_id, call_id)
SELECT :workspace_id, c.id
FROM unnest(:call_ids::text[]) AS c (id)
ORDER BY c.id
ON CONFLICT (workspace_id, call_id) DO NOTHING;

-- name: erased_call
-- A row for a call that is erased.
SELECT call_id
FROM erased_calls
WHERE workspace_id = :workspace_id AND call_id = :call_id;

-- name: runs_by_erased_calls
-- So many runs, by their ids: whether each is under way, and whether it has a call that is erased.
SELECT r.id, r.finished_at IS NULL AS under_way, EXISTS (
        SELECT FROM run_calls c
        JOIN erased_calls e ON e.workspace_id = :workspace_id AND e.call_id = c.call_id
        WHERE c.workspace_id = :workspace_id AND c.run_id = r.id) AS concerned
FROM runs r
WHERE r.workspace_id = :workspace_id AND r.id > :after
ORDER BY r.id
LIMIT :most;

-- name: run_to_take
-- A run that is to be erased with a person's data, held until the transaction ends; nothing of what was asked is read.
SELECT coalesce(report_id, id) AS report_id, fetch_ids, finished_at IS NULL AS under_way
FROM runs
WHERE workspace_id = :workspace_id AND id = :id
FOR NO KEY UPDATE;

-- name: person_run_add
-- An erasure has taken a run, which has a tombstone.
INSERT INTO person_runs (workspace_id, erasure_id, run_id)
VALUES (:workspace_id, :erasure_id, :run_id)
ON CONFLICT (workspace_id, erasure_id, run_id) DO NOTHING;

-- name: person_runs_page
-- So many runs that an erasure has taken, with their tombstones.
SELECT t.report_id, t.run_id, t.asked_at, t.barrier, t.rows, t.objects, t.erased_at
FROM person_runs p
JOIN report_tombstones t ON t.workspace_id = :workspace_id AND t.run_id = p.run_id
WHERE p.workspace_id = :workspace_id AND p.erasure_id = :erasure_id AND p.run_id > :after
ORDER BY p.run_id
LIMIT :most;

-- name: person_erase_page_notices
-- Notices for some people, so many at once.
DELETE FROM page_notices
WHERE workspace_id = :workspace_id AND recipient = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM page_notices x
    WHERE x.workspace_id = :workspace_id AND x.recipient = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_report_exports
-- Who downloaded a report.
UPDATE report_exports
SET exported_by = 'analysis'
WHERE workspace_id = :workspace_id AND exported_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM report_exports x
    WHERE x.workspace_id = :workspace_id AND x.exported_by = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_runs
-- Who asked.
UPDATE runs
SET requested_by = 'analysis'
WHERE workspace_id = :workspace_id AND requested_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM runs x
    WHERE x.workspace_id = :workspace_id AND x.requested_by = ANY(:user_ids::text[])
    LIMIT :most));

-- name: person_empty_schedules
-- Who made a schedule, which is the workspace's and goes on.
UPDATE schedules
SET created_by = 'analysis'
WHERE workspace_id = :workspace_id AND created_by = ANY(:user_ids::text[]) AND ctid = ANY(ARRAY(
    SELECT x.ctid FROM schedules x
    WHERE x.workspace_id = :workspace_id AND x.created_by = ANY(:user_ids::text[])
    LIMIT :most));
