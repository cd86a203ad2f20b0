-- name: oauth_state_add
-- Keeps a consent that was asked for.
INSERT INTO oauth_states (workspace_id, digest, id, provider, session_id, user_id, verifier, expires_at)
VALUES (:workspace_id, :digest, :id, :provider, :session_id, :user_id, :verifier, now() + make_interval(secs => :seconds::float8));

-- name: oauth_state_take
-- Takes a consent out: whoever comes with the same state again finds nothing.
DELETE FROM oauth_states
WHERE workspace_id = :workspace_id AND digest = :digest
RETURNING id, provider, session_id, user_id, verifier, expires_at > now() AS in_time;

-- name: oauth_states_forget
-- Forgets the consents whose time is over, and all but the latest ones.
DELETE FROM oauth_states s
WHERE s.workspace_id = :workspace_id AND s.digest NOT IN (
    SELECT o.digest FROM oauth_states o
    WHERE o.workspace_id = :workspace_id AND o.expires_at > now() ORDER BY o.expires_at DESC LIMIT :kept);
