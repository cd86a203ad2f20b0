-- name: known_api_key_read
-- A key as ingest told of it; `use_is_due` once its use has not been noted for some minutes.
SELECT key_id, digest, scopes, role, user_id, email, revoked,
    coalesce(expires_at <= clock_timestamp(), false) AS expired,
    coalesce(use_noted_at < clock_timestamp() - make_interval(secs => :seconds::float8), true) AS use_is_due
FROM known_api_keys
WHERE workspace_id = :workspace_id AND key_id = :key_id;

-- name: known_api_key_save
-- Notes what ingest says of a key, unless something later is known. A revocation says nothing of the digest: the one that is known stays.
INSERT INTO known_api_keys AS known (workspace_id, key_id, digest, revoked, scopes, role, user_id, email, expires_at, sequence)
VALUES (:workspace_id, :key_id, :digest, :revoked, :scopes::text[], :role, :user_id, :email, :expires_at, :sequence)
ON CONFLICT (workspace_id, key_id) DO UPDATE
SET digest = coalesce(excluded.digest, known.digest), revoked = excluded.revoked, scopes = excluded.scopes, role = excluded.role,
    user_id = CASE WHEN excluded.revoked THEN known.user_id ELSE excluded.user_id END, email = excluded.email,
    expires_at = excluded.expires_at, sequence = excluded.sequence
WHERE known.sequence < excluded.sequence;

-- name: known_api_key_use
-- Notes that a key is in use; no row where somebody else has done so within the last minutes.
UPDATE known_api_keys
SET use_noted_at = clock_timestamp()
WHERE workspace_id = :workspace_id AND key_id = :key_id
  AND (use_noted_at IS NULL OR use_noted_at < clock_timestamp() - make_interval(secs => :seconds::float8))
RETURNING use_noted_at;
