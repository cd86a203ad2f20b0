-- name: api_key_insert
-- Writes a new key; no row where the same request has made one already.
INSERT INTO api_keys (workspace_id, id, request_id, digest, name, scopes, role, created_by, created_by_email, created_at, expires_at)
VALUES (:workspace_id, :id, :request_id, :digest, :name, :scopes::text[], :role, :created_by, :created_by_email, :created_at, :expires_at)
ON CONFLICT (workspace_id, request_id) DO NOTHING
RETURNING id, name, scopes, role, created_by, created_by_email, created_at, expires_at, revoked_at, last_used_at, sequence, false AS expired;

-- name: api_keys_usable
-- How many keys can be used.
SELECT count(*)
FROM api_keys
WHERE workspace_id = :workspace_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp());

-- name: api_keys_page
-- So many keys, newest first, before the one that the page before ended with.
SELECT id, name, scopes, role, created_by, created_by_email, created_at, expires_at, revoked_at, last_used_at, sequence,
    coalesce(expires_at <= clock_timestamp(), false) AS expired
FROM api_keys
WHERE workspace_id = :workspace_id AND (:before::uuid IS NULL OR id < :before::uuid)
ORDER BY id DESC
LIMIT :keys;

-- name: api_key_read
-- One key, whatever became of it.
SELECT id, name, scopes, role, created_by, created_by_email, created_at, expires_at, revoked_at, last_used_at, sequence,
    coalesce(expires_at <= clock_timestamp(), false) AS expired
FROM api_keys
WHERE workspace_id = :workspace_id AND id = :id;

-- name: api_key_revoke
-- Takes a key back, once.
UPDATE api_keys
SET revoked_at = clock_timestamp(), sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND revoked_at IS NULL
RETURNING id, name, scopes, role, created_by, created_by_email, created_at, expires_at, revoked_at, last_used_at, sequence,
    coalesce(expires_at <= clock_timestamp(), false) AS expired;

-- name: api_keys_revoke_of
-- Takes back all keys that somebody made.
UPDATE api_keys
SET revoked_at = clock_timestamp(), sequence = sequence + 1
WHERE workspace_id = :workspace_id AND created_by = :created_by AND revoked_at IS NULL
RETURNING id, name, scopes, role, created_by, created_by_email, created_at, expires_at, revoked_at, last_used_at, sequence,
    coalesce(expires_at <= clock_timestamp(), false) AS expired;

-- name: api_key_presented
-- What a presented key is compared with; `use_is_due` once its use has not been noted for some minutes.
SELECT id AS key_id, digest, scopes, role, created_by AS user_id, created_by_email AS email, revoked_at IS NOT NULL AS revoked,
    coalesce(expires_at <= clock_timestamp(), false) AS expired,
    coalesce(last_used_at < clock_timestamp() - make_interval(secs => :seconds::float8), true) AS use_is_due
FROM api_keys
WHERE workspace_id = :workspace_id AND id = :id;

-- name: api_key_used
-- Notes when a key was used last, as far as anybody has told; not later than now, whatever another machine's clock says.
UPDATE api_keys
SET last_used_at = greatest(last_used_at, least(:used_at::timestamptz, clock_timestamp()))
WHERE workspace_id = :workspace_id AND id = :id;
