-- name: staff_grant_ask
-- Notes what somebody of our staff asks for; it opens nothing.
INSERT INTO staff_grants (workspace_id, id, staff, service, reason, ticket, minutes)
VALUES (:workspace_id, :id, :staff, :service, :reason, :ticket, :minutes);

-- name: staff_grant_approve
-- Approves a grant that was asked for within the last hour, by another person than asked; no row where it is none, or was decided before.
INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff)
SELECT :workspace_id, g.id, 'approved', g.staff, :approver, true
FROM staff_grants g
WHERE g.workspace_id = :workspace_id AND g.id = :grant_id AND g.staff <> :approver
  AND g.asked_at > clock_timestamp() - interval '60 minutes'
  AND NOT EXISTS (
      SELECT FROM staff_decisions d
      WHERE d.workspace_id = :workspace_id AND d.grant_id = :grant_id AND d.kind = 'ended')
ON CONFLICT DO NOTHING
RETURNING decided_at;

-- name: staff_grant_end
-- Ends a grant for good; no row where it was ended before.
INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff)
SELECT :workspace_id, g.id, 'ended', g.staff, :ended_by, :by_staff
FROM staff_grants g
WHERE g.workspace_id = :workspace_id AND g.id = :grant_id
ON CONFLICT DO NOTHING
RETURNING decided_at;

-- name: staff_grants_page
-- Grants with what was decided on them, the newest first.
SELECT g.id, g.staff, g.service, g.reason, g.ticket, g.minutes, g.asked_at, clock_timestamp() AS seen_at,
    a.decided_by AS approver, a.decided_at AS approved_at,
    e.decided_by AS ended_by, e.by_staff AS ended_by_staff, e.decided_at AS ended_at
FROM staff_grants g
LEFT JOIN staff_decisions a ON a.workspace_id = :workspace_id AND a.grant_id = g.id AND a.kind = 'approved'
LEFT JOIN staff_decisions e ON e.workspace_id = :workspace_id AND e.grant_id = g.id AND e.kind = 'ended'
WHERE g.workspace_id = :workspace_id AND g.id < :before
ORDER BY g.id DESC
LIMIT :size;

-- name: staff_grant_read
-- One grant with what was decided on it.
SELECT g.id, g.staff, g.service, g.reason, g.ticket, g.minutes, g.asked_at, clock_timestamp() AS seen_at,
    a.decided_by AS approver, a.decided_at AS approved_at,
    e.decided_by AS ended_by, e.by_staff AS ended_by_staff, e.decided_at AS ended_at
FROM staff_grants g
LEFT JOIN staff_decisions a ON a.workspace_id = :workspace_id AND a.grant_id = :grant_id AND a.kind = 'approved'
LEFT JOIN staff_decisions e ON e.workspace_id = :workspace_id AND e.grant_id = :grant_id AND e.kind = 'ended'
WHERE g.workspace_id = :workspace_id AND g.id = :grant_id;

-- name: staff_grants_known
-- Which of these grants there are.
SELECT id
FROM staff_grants
WHERE workspace_id = :workspace_id AND id = ANY(:ids::uuid[]);

-- name: staff_reads_add
-- Adds steps of statements; those already there stay as they are.
INSERT INTO staff_reads (workspace_id, grant_id, statement_id, step, service, staff, question, reads, about, rows, told_at)
SELECT :workspace_id, r.grant_id, r.statement_id, r.step, r.service, r.staff, r.question, r.reads, r.about, r.rows, r.told_at
FROM unnest(:grant_ids::uuid[], :statement_ids::uuid[], :steps::text[], :services::text[], :staff::text[], :questions::text[],
    :reads::text[], :abouts::text[], :rows::bigint[], :times::timestamptz[])
    AS r (grant_id, statement_id, step, service, staff, question, reads, about, rows, told_at)
ON CONFLICT DO NOTHING;

-- name: staff_reads_counted
-- What was read under each of these grants: how often each question was asked, and how many rows were shown.
SELECT r.grant_id, r.reads, count(*) FILTER (WHERE r.step = 'asked') AS asked,
    coalesce(sum(r.rows) FILTER (WHERE r.step = 'shown'), 0)::bigint AS rows
FROM staff_reads r
WHERE r.workspace_id = :workspace_id AND r.grant_id = ANY(:grant_ids::uuid[])
GROUP BY r.grant_id, r.reads
ORDER BY r.grant_id, r.reads;

-- name: staff_reads_page
-- The statements of one grant, the newest first, each with what came of it where that is known.
SELECT a.statement_id, a.question, a.reads, a.about, a.staff, a.told_at AS asked_at,
    o.step AS outcome, coalesce(o.rows, 0) AS rows, o.told_at AS ended_at
FROM staff_reads a
LEFT JOIN staff_reads o ON o.workspace_id = :workspace_id AND o.grant_id = :grant_id AND o.statement_id = a.statement_id
    AND o.step <> 'asked'
WHERE a.workspace_id = :workspace_id AND a.grant_id = :grant_id AND a.step = 'asked' AND a.statement_id < :before
ORDER BY a.statement_id DESC
LIMIT :size;

-- name: staff_steps_name
-- Gives steps of staff access that wait to be sealed the ids of their leaves, at most so many of each table, the oldest first; `ids` are
-- three times as many. A second sealer waits for the first, and then does not find what that one has named.
WITH grants AS (
    UPDATE staff_grants u
    SET leaf_id = (:ids::uuid[])[array_position(ARRAY(
        SELECT x.ctid FROM staff_grants x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.asked_at, x.ctid LIMIT :most), u.ctid)]
    WHERE u.workspace_id = :workspace_id AND u.leaf_id IS NULL AND u.ctid = ANY(ARRAY(
        SELECT x.ctid FROM staff_grants x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.asked_at, x.ctid LIMIT :most))
    RETURNING u.leaf_id
), decisions AS (
    UPDATE staff_decisions u
    SET leaf_id = (:ids::uuid[])[:most::integer + array_position(ARRAY(
        SELECT x.ctid FROM staff_decisions x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.decided_at, x.ctid LIMIT :most), u.ctid)]
    WHERE u.workspace_id = :workspace_id AND u.leaf_id IS NULL AND u.ctid = ANY(ARRAY(
        SELECT x.ctid FROM staff_decisions x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.decided_at, x.ctid LIMIT :most))
    RETURNING u.leaf_id
), reads AS (
    UPDATE staff_reads u
    SET leaf_id = (:ids::uuid[])[2 * :most::integer + array_position(ARRAY(
        SELECT x.ctid FROM staff_reads x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.told_at, x.ctid LIMIT :most), u.ctid)]
    WHERE u.workspace_id = :workspace_id AND u.leaf_id IS NULL AND u.ctid = ANY(ARRAY(
        SELECT x.ctid FROM staff_reads x
        WHERE x.workspace_id = :workspace_id AND x.leaf_id IS NULL
        ORDER BY x.told_at, x.ctid LIMIT :most))
    RETURNING u.leaf_id
)
SELECT leaf_id FROM grants
UNION ALL
SELECT leaf_id FROM decisions
UNION ALL
SELECT leaf_id FROM reads;

-- name: staff_steps_read
-- Steps of staff access by the ids of their leaves, with all that the admins of the workspace are shown of them.
SELECT g.leaf_id AS id, 'grant.asked' AS kind, g.id AS grant_id, g.asked_at AS at, g.staff AS person, true AS by_staff,
    jsonb_build_object('service', g.service, 'reason', g.reason, 'ticket', g.ticket, 'minutes', g.minutes) AS what
FROM staff_grants g
WHERE g.workspace_id = :workspace_id AND g.leaf_id = ANY(:ids::uuid[])
UNION ALL
SELECT d.leaf_id, 'grant.' || d.kind, d.grant_id, d.decided_at, d.decided_by, d.by_staff, jsonb_build_object('staff', d.staff)
FROM staff_decisions d
WHERE d.workspace_id = :workspace_id AND d.leaf_id = ANY(:ids::uuid[])
UNION ALL
SELECT r.leaf_id, 'statement.' || r.step, r.grant_id, r.told_at, r.staff, true,
    jsonb_build_object('statement', r.statement_id, 'service', r.service, 'question', r.question, 'reads', r.reads, 'about', r.about,
        'rows', r.rows)
FROM staff_reads r
WHERE r.workspace_id = :workspace_id AND r.leaf_id = ANY(:ids::uuid[]);

-- name: staff_steps_any
-- Whether any step of staff access has a leaf; whoever is granted nothing has read nothing.
SELECT EXISTS (SELECT FROM staff_grants g WHERE g.workspace_id = :workspace_id AND g.leaf_id IS NOT NULL);
