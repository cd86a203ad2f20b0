-- name: erasure_ask
-- Begins an erasure; asked for again while it is under way, it keeps its deadline.
INSERT INTO erasures (workspace_id, deadline_at, next_at)
VALUES (:workspace_id, now() + make_interval(secs => :deadline_seconds::float8), now() + make_interval(secs => :grace_seconds::float8))
ON CONFLICT (workspace_id) DO UPDATE
SET asked_at = now(), deadline_at = excluded.deadline_at, next_at = excluded.next_at, shredded_at = NULL
WHERE erasures.workspace_id = :workspace_id AND erasures.shredded_at IS NOT NULL;

-- name: credentials_present
-- The providers whose credential holds something.
SELECT provider
FROM credentials
WHERE workspace_id = :workspace_id AND state IN ('connected', 'needs_reconnect')
ORDER BY provider;

-- name: credentials_forget
-- Forgets all that the workspace's credentials hold and say of people; counts the version up of those that were connected.
WITH held AS (
    SELECT provider, state
    FROM credentials
    WHERE workspace_id = :workspace_id
    ORDER BY provider
    FOR UPDATE)
UPDATE credentials c
SET version = c.version + CASE WHEN held.state IN ('connected', 'needs_reconnect') THEN 1 ELSE 0 END,
    state = CASE held.state WHEN 'new' THEN 'new' ELSE 'disconnected' END,
    access_key = NULL, secret = NULL, access_token = NULL, refresh_token = NULL, expires_at = NULL, refresh_at = NULL,
    leased_until = NULL, account = '', account_id = '', scopes = '{}', base_url = '', reason = '', connected_by = '',
    provider_user = ''
FROM held
WHERE c.workspace_id = :workspace_id AND c.provider = held.provider
RETURNING c.provider, c.version, held.state AS before;

-- name: erasure_over
-- Whether the data key was destroyed since an erasure was asked for.
SELECT coalesce(shredded_at >= :since::timestamptz, false) AS over
FROM erasures
WHERE workspace_id = :workspace_id;

-- name: revocations_outcomes
-- How access was ended at each provider: what became of the last credential let go there.
SELECT DISTINCT ON (provider) provider, state, outcome
FROM revocations
WHERE workspace_id = :workspace_id
ORDER BY provider, let_go_at DESC, id;

-- name: erasure_claim
-- The erasure that is due, locked, to be looked at again in so many seconds. Written so that the sweep's index does not serve it: the key
-- leads to the one row, where what is due in all workspaces may be many.
UPDATE erasures
SET next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND coalesce(next_at, 'infinity') <= now()
RETURNING deadline_at <= now() AS overdue;

-- name: revocations_pending
-- How many revocations have no outcome yet.
SELECT count(*)
FROM revocations
WHERE workspace_id = :workspace_id AND state = 'pending';

-- name: revocations_cut_off
-- Ends what is still to be revoked: its ciphertext cannot be opened any more.
UPDATE revocations
SET state = 'failed', outcome = :outcome, ended_at = now(), next_at = NULL, access_token = NULL, refresh_token = NULL
WHERE workspace_id = :workspace_id AND state = 'pending';

-- name: erasure_end
-- The data key is destroyed.
UPDATE erasures
SET shredded_at = now(), next_at = NULL
WHERE workspace_id = :workspace_id AND shredded_at IS NULL;
