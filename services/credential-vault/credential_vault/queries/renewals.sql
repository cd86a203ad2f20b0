-- name: renewal_claimable
-- The credential, locked, if its renewal is due and nobody's: whoever finds it locked leaves it to the one who is at it.
SELECT credential_id, version, fence, base_url, refresh_token
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider AND state = 'connected' AND refresh_token IS NOT NULL
  AND refresh_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
FOR NO KEY UPDATE SKIP LOCKED;

-- name: renewal_lock
-- The credential as it is now, locked.
SELECT credential_id, version, fence, state
FROM credentials
WHERE workspace_id = :workspace_id AND provider = :provider
FOR NO KEY UPDATE;

-- name: renewal_open
-- The attempt on a version that has no end yet.
SELECT id
FROM renewals
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_id = :credential_id AND version = :version
  AND ended_at IS NULL;

-- name: renewal_watch
-- Looks at an attempt without an end: for how long that has been done without a gap, and whether the provider may be asked again.
UPDATE renewals
SET outcome = 'unknown', watched_at = clock_timestamp(),
    watched_from = CASE WHEN watched_at > clock_timestamp() - make_interval(secs => :gap::float8) THEN watched_from
                   ELSE clock_timestamp() END
WHERE workspace_id = :workspace_id AND id = :id
RETURNING extract(epoch FROM watched_at - watched_from)::float8 AS seconds,
    asked_at IS NULL OR asked_at <= clock_timestamp() - make_interval(secs => :ask_again::float8) AS may_ask;

-- name: renewal_asked
-- The provider is about to be asked about an attempt's token.
UPDATE renewals
SET asked_at = clock_timestamp()
WHERE workspace_id = :workspace_id AND id = :id;

-- name: renewal_look_again
-- The credential has nothing to be done with for a while.
UPDATE credentials
SET refresh_at = clock_timestamp() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider;

-- name: renewal_lease
-- Takes the renewal of a credential that is locked.
UPDATE credentials
SET fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider
RETURNING fence;

-- name: renewal_start
-- Writes an attempt down before anything is sent.
INSERT INTO renewals (workspace_id, id, provider, credential_id, version, fence, outcome, started_at)
VALUES (:workspace_id, :id, :provider, :credential_id, :version, :fence, 'started', clock_timestamp());

-- name: renewal_tries
-- How many attempts were made on a version.
SELECT count(*)
FROM renewals
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_id = :credential_id AND version = :version;

-- name: renewal_attempt
-- What is known of an attempt.
SELECT version, fence, outcome, ended_at
FROM renewals
WHERE workspace_id = :workspace_id AND id = :id;

-- name: renewal_ended
-- How an attempt ended that is open; one that is unknown stays open, and is watched from the beginning.
UPDATE renewals
SET outcome = :outcome, watched_at = NULL, watched_from = NULL,
    ended_at = CASE WHEN :outcome = 'unknown' THEN NULL ELSE clock_timestamp() END
WHERE workspace_id = :workspace_id AND id = :id AND ended_at IS NULL;

-- name: renewal_settled
-- An attempt whose end stays unknown: another one takes its place.
UPDATE renewals
SET ended_at = clock_timestamp()
WHERE workspace_id = :workspace_id AND id = :id AND ended_at IS NULL;

-- name: renewal_answered
-- An attempt that has received tokens, however late.
UPDATE renewals
SET outcome = :outcome, ended_at = coalesce(ended_at, clock_timestamp())
WHERE workspace_id = :workspace_id AND id = :id;

-- name: renewal_save
-- Stores a rotation in place of the version that was spent for it, and of no other.
UPDATE credentials
SET version = version + 1, state = 'connected', reason = '', leased_until = NULL,
    access_token = :access_token, refresh_token = :refresh_token,
    expires_at = clock_timestamp() + make_interval(secs => :expires_in::float8),
    refresh_at = clock_timestamp() + make_interval(secs => :renew_in::float8),
    scopes = CASE WHEN cardinality(:scopes::text[]) > 0 THEN :scopes::text[] ELSE scopes END,
    base_url = CASE WHEN :base_url <> '' THEN :base_url ELSE base_url END
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_id = :credential_id AND version = :version
  AND state IN ('connected', 'needs_reconnect');

-- name: renewal_give_back
-- Ends the lease of an attempt that is still the latest one; its credential is due again in a while.
UPDATE credentials
SET leased_until = NULL, refresh_at = clock_timestamp() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND fence = :fence AND state = 'connected';

-- name: renewal_refuse
-- The provider no longer accepts this version, as its latest attempt has found.
UPDATE credentials
SET state = 'needs_reconnect', reason = :reason, leased_until = NULL, refresh_at = NULL
WHERE workspace_id = :workspace_id AND provider = :provider AND version = :version AND fence = :fence AND state = 'connected';

-- name: renewals_forget
-- Forgets attempts that ended long ago.
DELETE FROM renewals
WHERE workspace_id = :workspace_id AND provider = :provider AND ended_at < clock_timestamp() - make_interval(days => :days::int);
