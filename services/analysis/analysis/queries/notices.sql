-- name: notice_insert
-- A notice that waits for Slack's credential; no row touched when that version, or that listing, was noticed before.
INSERT INTO notices (workspace_id, provider, credential_version, sequence, grant_id, company, purpose, in_effect_from)
VALUES (:workspace_id, :provider, :credential_version, :sequence, :grant_id, :company, :purpose, :in_effect_from)
ON CONFLICT (workspace_id, provider, credential_version) DO NOTHING;

-- name: notices_announced
-- What became of the notices of new sub-processors, the latest first.
SELECT company, in_effect_from, state, reason, created_at, ended_at
FROM notices
WHERE workspace_id = :workspace_id AND in_effect_from IS NOT NULL
ORDER BY created_at DESC, provider
LIMIT :limit;

-- name: notice_by_grant
-- The notice behind a grant, locked until the transaction ends.
SELECT provider, credential_version, state
FROM notices
WHERE workspace_id = :workspace_id AND grant_id = :grant_id
FOR UPDATE;

-- name: notice_granted
-- The credential has come: the notice can be sent.
UPDATE notices
SET state = 'ready', sealed = :sealed, sealing_key_id = :sealing_key_id, grant_expires_at = :expires_at,
    granted_version = :granted_version, lease_until = now()
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'waiting_grant';

-- name: notice_denied
-- There is no credential: the notice ends.
UPDATE notices
SET state = :state, reason = :reason, ended_at = now()
WHERE workspace_id = :workspace_id AND grant_id = :grant_id AND state = 'waiting_grant';

-- name: notice_claimed
-- What a worker needs to know of the notice it has claimed; no row when another has taken it since. `is_due` while nothing later is known
-- of the integration. A new sub-processor is told of until data may go there.
SELECT n.state, n.grant_id, n.sealed, n.sealing_key_id, n.grant_expires_at, n.granted_version, n.refused_version,
    n.grant_expires_at <= clock_timestamp() + make_interval(secs => :margin_seconds::float8) AS grant_expired,
    coalesce(n.in_effect_from <= :today::date, n.created_at <= now() - make_interval(secs => :longest_seconds::float8)) AS is_old,
    n.in_effect_from IS NOT NULL OR coalesce(i.state = 'needs_reconnect' AND i.sequence = n.sequence, false) AS is_due,
    w.name AS workspace_name, n.company, n.purpose, n.in_effect_from
FROM notices n
LEFT JOIN integrations i ON i.workspace_id = n.workspace_id AND i.provider = n.provider
LEFT JOIN workspaces w ON w.workspace_id = n.workspace_id
WHERE n.workspace_id = :workspace_id AND n.provider = :provider AND n.credential_version = :credential_version AND n.fence = :fence
    AND n.state IN ('ready', 'sending');

-- name: notice_renew
-- Keeps the claim; no row touched when it is lost.
UPDATE notices
SET lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state IN ('ready', 'sending');

-- name: notice_sending
-- Slack is about to be asked. From here on nobody but the one who asked can say that nothing was sent.
UPDATE notices
SET state = 'sending'
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state = 'ready';

-- name: notice_end
-- The notice ends, well or badly; its grant is wiped.
UPDATE notices
SET state = :state, reason = :reason, ended_at = now(), sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state IN ('ready', 'sending');

-- name: notice_put_back
-- Nothing was sent: the notice is due again in a while; a pause that Slack asked for does not count as a failure.
UPDATE notices
SET state = 'ready', lease_until = now() + make_interval(secs => :seconds::float8),
    attempts = CASE WHEN :counts::boolean THEN attempts ELSE greatest(attempts - 1, 0) END
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state = 'sending';

-- name: notice_refused
-- Slack has refused the granted credential: the grant is over at once, so that whoever claims the notice next asks for another one.
UPDATE notices
SET state = 'ready', refused_version = granted_version, grant_expires_at = clock_timestamp(),
    lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state = 'sending';

-- name: notice_ask_again
-- Its grant is over: the notice waits for another one.
UPDATE notices
SET state = 'waiting_grant', grant_id = :grant_id, sealed = NULL, sealing_key_id = NULL, grant_expires_at = NULL
WHERE workspace_id = :workspace_id AND provider = :provider AND credential_version = :credential_version AND fence = :fence
    AND state = 'ready';
