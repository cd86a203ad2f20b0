-- name: run_pages_add
-- One more page has been read.
INSERT INTO run_pages (workspace_id, run_id, number, cursor, records, total, call_ids, started_ats, durations, metadata, checksums, private_ids, erased)
VALUES (:workspace_id, :run_id, :number, :cursor, :records, :total, :call_ids::text[], :started_ats::timestamptz[], :durations::int[],
    :metadata::bytea[], :checksums::text[], :private_ids::text[], :erased);

-- name: run_pages_of
-- The pages that a run has read, in their order; whether the first of them is too old to be gone on from.
SELECT number, cursor, records, total, call_ids, started_ats, durations, metadata, checksums, private_ids, erased,
    min(read_at) OVER () < clock_timestamp() - make_interval(secs => :last_seconds::float8) AS too_old
FROM run_pages
WHERE workspace_id = :workspace_id AND run_id = :run_id
ORDER BY number;

-- name: run_pages_forget
-- The run's calls are chosen, or it is over, or the list has to be read anew.
DELETE FROM run_pages
WHERE workspace_id = :workspace_id AND run_id = :run_id;

-- name: run_pages_forget_all
-- The workspace's Gong is another one now, or none: no list that was begun is gone on with.
DELETE FROM run_pages
WHERE workspace_id = :workspace_id;
