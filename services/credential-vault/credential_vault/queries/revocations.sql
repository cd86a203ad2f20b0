-- name: revocation_add
-- Keeps a credential that was let go until its end is known; one that cannot be revoked is over at once.
INSERT INTO revocations (workspace_id, id, provider, credential_id, version, access_token, refresh_token, reason, state, outcome,
    next_at, ended_at)
VALUES (:workspace_id, :id, :provider, :credential_id, :version, :access_token, :refresh_token, :reason, :state, :outcome,
    CASE WHEN :state::text = 'pending' THEN now() END, CASE WHEN :state::text <> 'pending' THEN now() END);

-- name: revocation_claim
-- Takes a revocation that is due: others may try again when the lease has run out. No row when it is over, or somebody has it.
UPDATE revocations
SET attempts = attempts + 1, next_at = now() + make_interval(secs => :lease_seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND next_at <= now()
RETURNING id, provider, credential_id, version, access_token, refresh_token, attempts,
    extract(epoch FROM now() - let_go_at)::float8 AS age_seconds;

-- name: revocation_end
-- Records the outcome, and forgets the ciphertext.
UPDATE revocations
SET state = :state, outcome = :outcome, ended_at = now(), next_at = NULL, access_token = NULL, refresh_token = NULL
WHERE workspace_id = :workspace_id AND id = :id AND state = 'pending';

-- name: revocation_again
-- Says why it did not work, and when it is tried again; unless somebody else has tried since.
UPDATE revocations
SET outcome = :outcome, next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND state = 'pending' AND attempts = :attempts;

-- name: revocations_latest
-- The latest revocation of each provider; one that is under way before those that are over.
SELECT DISTINCT ON (provider) provider, state, reason, outcome, attempts, let_go_at, ended_at, next_at
FROM revocations
WHERE workspace_id = :workspace_id
ORDER BY provider, (state = 'pending') DESC, let_go_at DESC;

-- name: tokens_in_use
-- The tokens that a provider's connected credential has now.
SELECT credential_id, version, access_token, refresh_token
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider AND access_token IS NOT NULL AND state = 'connected';

-- name: credential_held
-- What a provider's credential holds now, locked: nobody renews or replaces it until the transaction ends.
SELECT credential_id, version, access_key, secret, access_token, refresh_token
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider AND state IN ('connected', 'needs_reconnect')
FOR UPDATE;
