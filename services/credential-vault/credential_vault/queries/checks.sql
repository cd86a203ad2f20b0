-- name: check_claim
-- Takes a check that is due: others may make it when the lease has run out. Says whether a renewal is due or under way, and for how many
-- seconds the provider has refused this version. From now on nobody brings another check forward for a while.
UPDATE credentials
SET check_at = now() + make_interval(secs => :lease_seconds::float8),
    check_not_before = now() + make_interval(secs => :quiet_seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider AND state = 'connected' AND check_at <= now()
RETURNING credential_id, version, fence, check_at, base_url, access_key, secret, access_token, refresh_token IS NOT NULL AS renewable,
    coalesce(leased_until > now() OR least(refresh_at, expires_at) <= now(), false) AS being_renewed,
    CASE WHEN refused_version = version THEN extract(epoch FROM now() - refused_at)::float8 END AS refused_for;

-- name: check_soon
-- Brings the check of this version forward, to the moment from which it may be: a provider is not asked more often because somebody says
-- that it should be.
UPDATE credentials
SET check_at = least(check_at, greatest(now(), check_not_before))
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND state = 'connected';

-- name: check_again
-- Has the credential looked at in so many seconds, and not before that many.
UPDATE credentials
SET check_at = now() + make_interval(secs => :seconds::float8),
    check_not_before = greatest(check_not_before, now() + make_interval(secs => :quiet_seconds::float8))
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND state = 'connected';

-- name: check_passed
-- The provider accepts the credential: an earlier refusal is forgotten. A check that was brought forward while this one was being made
-- stays where it is: the provider may have been asked before it refused somebody else.
UPDATE credentials
SET check_at = CASE WHEN check_at < :claimed_until::timestamptz THEN check_at
                    ELSE now() + make_interval(secs => :seconds::float8) END,
    refused_at = NULL, refused_version = NULL
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND state = 'connected';

-- name: check_refused
-- Notes since when this version has been refused, and has the provider asked again in so many seconds.
UPDATE credentials
SET check_at = now() + make_interval(secs => :seconds::float8), refused_version = :version,
    refused_at = CASE WHEN refused_version = :version THEN refused_at ELSE now() END
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND state = 'connected';

-- name: renew_soon
-- Brings the renewal of a credential forward whose access token was refused, unless it has been renewed since, or may be spent already:
-- an attempt whose end nobody knows is settled in its own time.
UPDATE credentials c
SET refresh_at = now(), check_at = now() + make_interval(secs => :seconds::float8)
WHERE c.workspace_id = :workspace_id AND c.provider = :provider AND c.version = :version AND c.fence = :fence
  AND c.state = 'connected' AND c.refresh_token IS NOT NULL AND coalesce(c.leased_until <= now(), true)
  AND NOT EXISTS (
    SELECT FROM renewals r
    WHERE r.workspace_id = :workspace_id AND r.provider = c.provider AND r.credential_id = c.credential_id AND r.version = c.version
      AND r.outcome IN ('started', 'unknown'));

-- name: credential_lost
-- The provider does not accept the credential any more; no row when it has changed since.
UPDATE credentials
SET state = 'needs_reconnect', reason = :reason, refused_at = NULL, refused_version = NULL
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND state = 'connected';
