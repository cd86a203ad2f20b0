-- Rows of a workspace that is erased, so many at once, in the order of migrations/erasure.yaml: what points to a row goes before it. The
-- eraser runs whatever begins with `erase_`, in this order; a test holds both together.

-- name: erase_oauth_states
-- So many rows of oauth_states.
DELETE FROM oauth_states
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM oauth_states x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_access_journal
-- So many rows of access_journal.
DELETE FROM access_journal
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM access_journal x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_renewals
-- So many rows of renewals.
DELETE FROM renewals
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM renewals x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_revocations
-- So many rows of revocations.
DELETE FROM revocations
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM revocations x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_credentials
-- So many rows of credentials.
DELETE FROM credentials
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM credentials x WHERE x.workspace_id = :workspace_id LIMIT :most));
