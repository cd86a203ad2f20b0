-- name: data_key_add
-- Keeps a workspace's data key unless it has one, or has had one that was destroyed.
INSERT INTO data_keys (workspace_id, wrapped, key_id)
VALUES (:workspace_id, :wrapped, :key_id)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: data_key
-- The workspace's wrapped data key. Its row is held until the transaction ends, so that what is read or written meanwhile stays readable.
SELECT wrapped, key_id, destroyed_at
FROM data_keys
WHERE workspace_id = :workspace_id
FOR SHARE;

-- name: data_key_to_move
-- The data key, if another key than :key_id wraps it; no row when it is in use right now: it is come back to.
SELECT wrapped, generation
FROM data_keys
WHERE workspace_id = :workspace_id AND wrapped IS NOT NULL AND key_id IS DISTINCT FROM :key_id
FOR UPDATE SKIP LOCKED;

-- name: data_key_move
-- Puts a data key in the place of the generation it was made from.
UPDATE data_keys
SET wrapped = :wrapped, key_id = :key_id, generation = generation + 1, rewrapped_at = now()
WHERE workspace_id = :workspace_id AND generation = :generation AND destroyed_at IS NULL;

-- name: data_key_destroy
-- Destroys the workspace's data key, also the one it does not have yet; returns when that was done.
INSERT INTO data_keys (workspace_id, destroyed_at)
VALUES (:workspace_id, clock_timestamp())
ON CONFLICT (workspace_id) DO UPDATE
SET wrapped = NULL, key_id = NULL, generation = data_keys.generation + 1,
    destroyed_at = coalesce(data_keys.destroyed_at, clock_timestamp())
RETURNING destroyed_at;

-- name: data_key_begin_again
-- Gives a workspace whose data key was destroyed a new one. It was made just now, so that no earlier order to destroy means it.
UPDATE data_keys
SET wrapped = :wrapped, key_id = :key_id, generation = generation + 1, created_at = clock_timestamp(), destroyed_at = NULL
WHERE workspace_id = :workspace_id AND destroyed_at IS NOT NULL;

-- name: ciphertexts_of_credentials
-- All that the workspace's credentials hold, locked; fails at once when one of them is being changed.
SELECT provider, credential_id, version, access_key, secret, access_token, refresh_token
FROM credentials
WHERE workspace_id = :workspace_id AND fields > 0
ORDER BY provider
FOR UPDATE NOWAIT;

-- name: ciphertexts_of_revocations
-- All that waits to be revoked, locked; fails at once when somebody is at it.
SELECT id, provider, credential_id, version, access_token, refresh_token
FROM revocations
WHERE workspace_id = :workspace_id AND fields > 0
ORDER BY id
FOR UPDATE NOWAIT;

-- name: credentials_reencrypt
-- Puts new ciphertexts of the same versions in the place of the old ones.
UPDATE credentials c
SET access_key = n.access_key, secret = n.secret, access_token = n.access_token, refresh_token = n.refresh_token
FROM unnest(:providers::text[], :versions::bigint[], :access_keys::bytea[], :secrets::bytea[], :access_tokens::bytea[],
    :refresh_tokens::bytea[]) AS n (provider, version, access_key, secret, access_token, refresh_token)
WHERE c.workspace_id = :workspace_id AND c.provider = n.provider AND c.version = n.version;

-- name: revocations_reencrypt
-- Puts new ciphertexts in the place of the old ones of what waits to be revoked.
UPDATE revocations r
SET access_token = n.access_token, refresh_token = n.refresh_token
FROM unnest(:ids::uuid[], :access_tokens::bytea[], :refresh_tokens::bytea[]) AS n (id, access_token, refresh_token)
WHERE r.workspace_id = :workspace_id AND r.id = n.id AND r.state = 'pending';
