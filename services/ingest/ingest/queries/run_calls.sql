-- name: run_calls_choose
-- Fixes which calls the run fetches, and in which order: those after :before others. Calls that are erased are left out.
INSERT INTO run_calls (workspace_id, run_id, call_id, position, metadata, checksum, ended_at, duration_seconds)
SELECT :workspace_id, :run_id, c.call_id, :before::int + c.position, c.metadata, c.checksum, c.ended_at, c.duration_seconds
FROM unnest(:call_ids::text[], :metadata::bytea[], :checksums::text[], :ended_ats::timestamptz[], :durations::int[])
    WITH ORDINALITY AS c (call_id, metadata, checksum, ended_at, duration_seconds, position)
WHERE NOT EXISTS (
    SELECT FROM call_tombstones t WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = c.call_id);

-- name: run_calls_waiting
-- The next calls to fetch, in their order, without those to be asked for later. Where a call is held already, with the same metadata and a
-- transcript that was read recently or long enough after the call to be final, its object stands beside it.
-- Each is looked up by its key: a join is hashed while the tables have no statistics yet, over all that is held, for every batch.
SELECT r.call_id, r.position, r.metadata, r.checksum, r.ended_at, r.duration_seconds, r.refusals,
    coalesce(r.ended_at > clock_timestamp() - interval '1 day', false) AS is_young, h.object_name, h.sha256, h.size_bytes
FROM (
    SELECT c.call_id, c.position, c.metadata, c.checksum, c.ended_at, c.duration_seconds, c.refusals
    FROM run_calls c
    WHERE c.workspace_id = :workspace_id AND c.run_id = :run_id AND c.state = 'chosen' AND c.position > :after
        AND (c.not_before IS NULL OR c.not_before <= clock_timestamp())
    ORDER BY c.position
    LIMIT :calls
) r
LEFT JOIN LATERAL (
    SELECT k.object_name, k.sha256, k.size_bytes FROM held_calls k
    WHERE k.workspace_id = :workspace_id AND k.provider = 'gong' AND k.call_id = r.call_id
        AND k.checksum = r.checksum AND k.fetched_at > clock_timestamp() - make_interval(days => :held_days::int)
        AND (k.fetched_at >= r.ended_at + interval '1 day' OR k.fetched_at > clock_timestamp() - interval '1 hour')
    LIMIT 1
) h ON true
ORDER BY r.position;

-- name: run_calls_later
-- How many calls are left, and the seconds until the first of them may be asked for.
SELECT count(*) AS calls, extract(epoch FROM min(coalesce(not_before, clock_timestamp())) - clock_timestamp())::float8 AS seconds
FROM run_calls
WHERE workspace_id = :workspace_id AND run_id = :run_id AND state = 'chosen';

-- name: run_calls_stored
-- Notes calls as stored; returns those that had not been settled before.
UPDATE run_calls r
SET state = 'stored', sequence = s.sequence, object_name = s.object_name, sha256 = s.sha256, size_bytes = s.size_bytes, metadata = NULL
FROM unnest(:call_ids::text[], :sequences::bigint[], :object_names::text[], :sha256s::text[], :sizes::bigint[])
    AS s (call_id, sequence, object_name, sha256, size_bytes)
WHERE r.workspace_id = :workspace_id AND r.run_id = :run_id AND r.call_id = s.call_id AND r.state = 'chosen';

-- name: run_calls_settled
-- Notes calls that are left out, and why.
UPDATE run_calls r
SET state = s.state, metadata = NULL
FROM unnest(:call_ids::text[], :states::text[]) AS s (call_id, state)
WHERE r.workspace_id = :workspace_id AND r.run_id = :run_id AND r.call_id = s.call_id AND r.state = 'chosen';

-- name: run_calls_deferred
-- Their transcripts are not ready: they are asked for again later.
UPDATE run_calls r
SET refusals = r.refusals + 1, not_before = clock_timestamp() + make_interval(secs => s.seconds)
FROM unnest(:call_ids::text[], :seconds::float8[]) AS s (call_id, seconds)
WHERE r.workspace_id = :workspace_id AND r.run_id = :run_id AND r.call_id = s.call_id AND r.state = 'chosen';

-- name: run_calls_forget
-- The run is over before its calls were all fetched: what was noted of the others goes.
UPDATE run_calls
SET metadata = NULL
WHERE workspace_id = :workspace_id AND run_id = :run_id AND metadata IS NOT NULL;

-- name: held_calls_save
-- These calls are held as they are now. In the order of their ids, so that two runs that hold the same calls wait for each other and do not
-- deadlock.
INSERT INTO held_calls AS known (workspace_id, provider, call_id, checksum, object_name, sha256, size_bytes)
SELECT :workspace_id, 'gong', c.call_id, c.checksum, c.object_name, c.sha256, c.size_bytes
FROM unnest(:call_ids::text[], :checksums::text[], :object_names::text[], :sha256s::text[], :sizes::bigint[])
    AS c (call_id, checksum, object_name, sha256, size_bytes)
ORDER BY c.call_id
ON CONFLICT (workspace_id, provider, call_id) DO UPDATE
SET checksum = excluded.checksum, object_name = excluded.object_name, sha256 = excluded.sha256, size_bytes = excluded.size_bytes,
    fetched_at = excluded.fetched_at;
