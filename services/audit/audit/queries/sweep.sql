-- name: log_take
-- Takes arrivals out of the queue, at most :limit, but those of logs that are broken; those whose leaves are to be made anew wait. A second sealer waits for the first and then
-- does not find what that one has taken. The ids of entries are only handed on, and so come as text.
-- cross-workspace: sealing serves all workspaces in one transaction; it sees ids and hashes only
DELETE FROM log_arrivals
WHERE ctid = ANY(ARRAY(
    SELECT a.ctid
    FROM log_arrivals a LEFT JOIN log_heads h ON h.workspace_id = a.workspace_id
    WHERE a.epoch = coalesce(h.epoch, 0) AND a.workspace_id <> ALL(:broken::text[])
    LIMIT :limit))
RETURNING workspace_id, id, array_to_string(entries, ',') AS entries, leaves, epoch;

-- name: log_stale
-- Workspaces with arrivals whose leaves are to be made anew.
-- cross-workspace: sealing serves all workspaces; each one's leaves are then made in its own
SELECT DISTINCT a.workspace_id
FROM log_arrivals a LEFT JOIN log_heads h ON h.workspace_id = a.workspace_id
WHERE a.epoch <> coalesce(h.epoch, 0)
LIMIT :limit;

-- name: staff_waiting
-- Workspaces with steps of staff access that have no leaf yet.
-- cross-workspace: sealing serves all workspaces; each one's steps are then read in its own
SELECT w.workspace_id
FROM (
    SELECT g.workspace_id FROM staff_grants g WHERE g.leaf_id IS NULL
    UNION
    SELECT d.workspace_id FROM staff_decisions d WHERE d.leaf_id IS NULL
    UNION
    SELECT r.workspace_id FROM staff_reads r WHERE r.leaf_id IS NULL) w
LIMIT :limit;

-- name: log_heads_make
-- Makes the heads of logs that are empty so far.
-- cross-workspace: sealing serves all workspaces in one transaction
INSERT INTO log_heads (workspace_id)
SELECT n.workspace_id FROM unnest(:workspace_ids::text[]) AS n (workspace_id)
ON CONFLICT DO NOTHING;

-- name: log_heads_lock
-- The state of some logs, which nobody else extends until the end of the transaction. In their order, so that two sealers never wait for each
-- other in a circle.
-- cross-workspace: sealing serves all workspaces in one transaction
SELECT h.workspace_id, h.size, h.frontier, h.epoch
FROM log_heads h
WHERE h.workspace_id = ANY(:workspace_ids::text[])
ORDER BY h.workspace_id
FOR UPDATE;

-- name: log_seals_add
-- Notes which entries get which positions. The key refuses a second entry for a position.
-- cross-workspace: sealing serves all workspaces in one transaction
INSERT INTO log_seals (workspace_id, first_index, entries)
SELECT s.workspace_id, s.first_index, string_to_array(s.entries, ',')::uuid[]
FROM unnest(:workspace_ids::text[], :first_indexes::bigint[], :entries::text[]) AS s (workspace_id, first_index, entries);

-- name: log_tiles_extend
-- Puts hashes at the end of tiles. The log's head is locked, so that nobody else does.
-- cross-workspace: sealing serves all workspaces in one transaction
INSERT INTO log_tiles AS t (workspace_id, level, number, hashes)
SELECT n.workspace_id, n.level, n.number, n.hashes
FROM unnest(:workspace_ids::text[], :levels::smallint[], :numbers::bigint[], :hashes::bytea[]) AS n (workspace_id, level, number, hashes)
ON CONFLICT (workspace_id, level, number) DO UPDATE
SET hashes = t.hashes || excluded.hashes;

-- name: log_heads_move
-- Moves logs on from the size they had; a log that has another size by now is missing in the count.
-- cross-workspace: sealing serves all workspaces in one transaction
UPDATE log_heads h
SET size = n.size, frontier = n.frontier, checkpoint = n.checkpoint, sealed_at = clock_timestamp()
FROM unnest(:workspace_ids::text[], :old_sizes::bigint[], :sizes::bigint[], :frontiers::bytea[], :checkpoints::text[])
    AS n (workspace_id, old_size, size, frontier, checkpoint)
WHERE h.workspace_id = n.workspace_id AND h.size = n.old_size;

-- name: log_heads_unanchored
-- Logs that have grown since their last checkpoint went into the global log.
-- cross-workspace: one global log holds the checkpoints of all workspaces
SELECT h.workspace_id, h.size, h.checkpoint
FROM log_heads h
WHERE h.anchored_size < h.size
ORDER BY h.workspace_id
LIMIT :limit
FOR UPDATE;

-- name: log_anchors_add
-- Notes where checkpoints stand in the global log.
-- cross-workspace: one global log holds the checkpoints of all workspaces
WITH moved AS (
    UPDATE log_heads h
    SET anchored_size = n.size
    FROM unnest(:workspace_ids::text[], :sizes::bigint[]) AS n (workspace_id, size)
    WHERE h.workspace_id = n.workspace_id
)
INSERT INTO log_anchors (workspace_id, size, checkpoint, blind, global_index)
SELECT n.workspace_id, n.size, n.checkpoint, n.blind, n.global_index
FROM unnest(:workspace_ids::text[], :sizes::bigint[], :checkpoints::text[], :blinds::bytea[], :indexes::bigint[])
    AS n (workspace_id, size, checkpoint, blind, global_index);

-- name: global_head_lock
-- The global log's state, which nobody else extends until the end of the transaction.
-- cross-workspace: belongs to no workspace
SELECT size, frontier, checkpoint FROM global_head FOR UPDATE;

-- name: global_head_read
-- The global log's state.
-- cross-workspace: belongs to no workspace
SELECT size, frontier, checkpoint FROM global_head;

-- name: global_head_move
-- Moves the global log on.
-- cross-workspace: belongs to no workspace
UPDATE global_head
SET size = :size, frontier = :frontier, checkpoint = :checkpoint, sealed_at = clock_timestamp()
WHERE size = :old_size;

-- name: global_tiles_extend
-- Puts hashes at the end of tiles of the global log.
-- cross-workspace: belongs to no workspace
INSERT INTO global_tiles AS t (level, number, hashes)
SELECT n.level, n.number, n.hashes
FROM unnest(:levels::smallint[], :numbers::bigint[], :hashes::bytea[]) AS n (level, number, hashes)
ON CONFLICT (level, number) DO UPDATE
SET hashes = t.hashes || excluded.hashes;

-- name: global_tiles_read
-- Some tiles of the global log, named by level and number.
-- cross-workspace: belongs to no workspace
SELECT t.level, t.number, t.hashes
FROM global_tiles t
JOIN unnest(:levels::smallint[], :numbers::bigint[]) AS n (level, number) ON n.level = t.level AND n.number = t.number;

-- name: log_waiting
-- How many entries wait for their place in the logs, for operators; no content.
-- cross-workspace: counts only, for all workspaces
SELECT coalesce(sum(cardinality(entries)), 0)::bigint AS entries FROM log_arrivals;

-- name: streams_claim
-- Takes streams that have something to deliver and are nobody's, those that have waited longest first: each delivery puts its stream at the
-- end, so that all have their turns.
-- cross-workspace: the sender serves every workspace; where each one's log goes, and what it says, is then read in its own
UPDATE streams s
SET fence = s.fence + 1, leased_until = :now::timestamptz + make_interval(secs => :seconds::float8)
FROM (
    SELECT c.workspace_id
    FROM streams c
    JOIN log_heads h ON h.workspace_id = c.workspace_id
    WHERE c.state = 'active' AND c.due_at <= :now::timestamptz AND c.leased_until <= :now::timestamptz AND h.size > c.next_index
    ORDER BY c.due_at
    LIMIT :limit
    FOR UPDATE OF c SKIP LOCKED) due
WHERE s.workspace_id = due.workspace_id
RETURNING s.workspace_id, s.fence;
