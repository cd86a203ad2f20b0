-- name: job_grant_ask
-- Notes that a grant is asked for where the provider is connected; one that was asked for before gives way. No row touched where it is not, or
-- where it has been asked for :most_asks times.
INSERT INTO job_grants AS known (workspace_id, job_id, provider, grant_id)
SELECT i.workspace_id, :job_id, i.provider, :grant_id
FROM integrations i
WHERE i.workspace_id = :workspace_id AND i.provider = :provider AND i.state = 'connected'
ON CONFLICT (workspace_id, job_id, provider) DO UPDATE
SET grant_id = excluded.grant_id, state = 'asked', reason = '', sealed = NULL, sealing_key_id = NULL, expires_at = NULL, credential_version = NULL,
    asked_at = clock_timestamp(), asks = known.asks + 1
WHERE known.asks < :most_asks::int;

-- name: job_grant_held
-- The grant has come; no row touched when nobody waits for it.
UPDATE job_grants
SET state = 'held', sealed = :sealed, sealing_key_id = :sealing_key_id, expires_at = :expires_at,
    credential_version = :credential_version
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'asked';

-- name: job_grant_denied
-- The grant was refused; no row touched when nobody waits for it.
UPDATE job_grants
SET state = 'denied', reason = :reason
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'asked';

-- name: job_grant_refused
-- The provider has refused the granted credential: the grant is over at once; no row touched when there is none.
UPDATE job_grants
SET expires_at = clock_timestamp(), refused_version = :version
WHERE workspace_id = :workspace_id AND job_id = :job_id AND provider = :provider AND state = 'held';

-- name: job_grant_given_up
-- The grant is over and not asked for again; no row touched when there is none.
UPDATE job_grants
SET state = 'denied', reason = :reason, sealed = NULL, sealing_key_id = NULL, expires_at = NULL, credential_version = NULL
WHERE workspace_id = :workspace_id AND job_id = :job_id AND provider = :provider;

-- name: job_grant_of
-- A job's grant as it stands; whether it is over, early by the margin, and for how many seconds it has been asked for.
SELECT grant_id, state, reason, sealed, sealing_key_id, expires_at, credential_version, refused_version,
    expires_at <= clock_timestamp() + make_interval(secs => :margin_seconds::float8) AS is_over,
    extract(epoch FROM clock_timestamp() - asked_at)::float8 AS asked_seconds
FROM job_grants
WHERE workspace_id = :workspace_id AND job_id = :job_id AND provider = :provider;

-- name: job_grants_forget
-- The job has ended: its grants go.
DELETE FROM job_grants
WHERE workspace_id = :workspace_id AND job_id = :job_id;
