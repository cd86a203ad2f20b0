-- name: credential_next_version
-- Locks the workspace's credential of a provider, made if need be, and counts its version up; the state is the one before.
INSERT INTO credentials (workspace_id, provider, credential_id, version, state)
VALUES (:workspace_id, :provider, :credential_id, 1, 'new')
ON CONFLICT (workspace_id, provider) DO UPDATE
SET version = credentials.version + 1
RETURNING credential_id, version, state, kind, base_url, account, scopes, account_id;

-- name: credential_connect
-- Stores the ciphertext of the version that credential_next_version gave, in place of whatever was there. It was checked just now.
UPDATE credentials
SET state = 'connected', kind = :kind, base_url = :base_url, account = :account, scopes = :scopes::text[],
    account_id = :account_id,
    access_key = :access_key, secret = :secret, access_token = :access_token, refresh_token = :refresh_token,
    expires_at = now() + make_interval(secs => :expires_in::float8), refresh_at = now() + make_interval(secs => :renew_in::float8),
    leased_until = NULL, reason = '', refused_at = NULL, refused_version = NULL,
    check_at = now() + make_interval(secs => :check_in::float8), check_not_before = '-infinity', connected_by = :connected_by, connected_at = now(),
    provider_user = :provider_user
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version;

-- name: credential_standing
-- What may be said of a provider's credential, with its version.
SELECT version, state, kind, base_url, account, scopes, account_id
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider;

-- name: credential_disconnect
-- Forgets the ciphertext of a connected credential and counts its version up; returns the state it had.
WITH held AS (
    SELECT provider, state
    FROM credentials
    WHERE workspace_id = :workspace_id AND provider = :provider AND state IN ('connected', 'needs_reconnect')
    FOR UPDATE)
UPDATE credentials c
SET state = 'disconnected', version = c.version + 1, access_key = NULL, secret = NULL, access_token = NULL, refresh_token = NULL,
    expires_at = NULL, refresh_at = NULL, leased_until = NULL, account = '', account_id = '', scopes = '{}', reason = '',
    provider_user = ''
FROM held
WHERE c.workspace_id = :workspace_id AND c.provider = held.provider
RETURNING c.version, held.state AS before;

-- name: credential
-- The workspace's credential of one provider, as it is stored: what may be granted of it, so never the token that renews it.
SELECT credential_id, provider, version, state, base_url, access_key, secret, access_token, provider_user, expires_at,
    extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds_left, refresh_token IS NOT NULL AS renewable,
    extract(epoch FROM clock_timestamp() - connected_at)::float8 AS age_seconds
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider;

-- name: integrations
-- What the page shows of the workspace's credentials, with their last use.
SELECT c.provider, c.state, c.kind, c.base_url, c.account, c.scopes, c.reason, c.expires_at, c.refresh_token IS NOT NULL AS renewable,
    c.connected_by, c.connected_at, u.requester AS used_by, u.purpose AS used_for, u.granted_at AS used_at
FROM credentials c
LEFT JOIN LATERAL (
    SELECT j.requester, j.purpose, j.granted_at
    FROM access_journal j
    WHERE j.workspace_id = c.workspace_id AND j.workspace_id = :workspace_id AND j.provider = c.provider
      AND j.requester <> 'credential-vault'
    ORDER BY j.granted_at DESC
    LIMIT 1) u ON true
WHERE c.workspace_id = :workspace_id
ORDER BY c.provider;
