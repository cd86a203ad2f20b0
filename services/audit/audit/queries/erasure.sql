-- Rows of a workspace that is erased, so many at once, in the order of migrations/erasure.yaml: what points to a row goes before it. The
-- eraser runs whatever begins with `erase_`, in this order; a test holds both together. Entries and
-- keys go in one transaction with the leaf that says so (audit.log.erasure).

-- name: erase_staff_reads
-- So many rows of staff_reads.
DELETE FROM staff_reads
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM staff_reads x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_staff_decisions
-- So many rows of staff_decisions.
DELETE FROM staff_decisions
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM staff_decisions x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_staff_grants
-- So many rows of staff_grants.
DELETE FROM staff_grants
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM staff_grants x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_stream_grants
-- So many rows of stream_grants.
DELETE FROM stream_grants
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM stream_grants x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_streams
-- So many rows of streams.
DELETE FROM streams
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM streams x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_word_entries
-- So many rows of word_entries.
DELETE FROM word_entries
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM word_entries x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_entry_names
-- So many rows of entry_names.
DELETE FROM entry_names
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM entry_names x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_log_forgotten
-- So many rows of log_forgotten.
DELETE FROM log_forgotten
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM log_forgotten x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_workspaces
-- So many rows of workspaces.
DELETE FROM workspaces
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM workspaces x WHERE x.workspace_id = :workspace_id LIMIT :most));
