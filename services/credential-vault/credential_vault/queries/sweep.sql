-- name: revocations_due
-- Credentials that were let go and are to be revoked now.
-- cross-workspace: the worker serves every workspace; each revocation is then claimed and read in its own
SELECT workspace_id, id
FROM revocations
WHERE next_at <= now()
ORDER BY next_at
LIMIT :limit;

-- name: checks_due
-- Connected credentials that their provider is to be asked about now.
-- cross-workspace: the worker serves every workspace; each credential is then claimed and read in its own
SELECT workspace_id, provider
FROM credentials
WHERE state = 'connected' AND check_at <= now()
ORDER BY check_at
LIMIT :limit;

-- name: erasures_due
-- Erasures to be looked at now.
-- cross-workspace: the worker serves every workspace; each erasure is then carried on in its own
SELECT workspace_id
FROM erasures
WHERE next_at <= now()
ORDER BY next_at
LIMIT :limit;

-- name: renewals_due
-- Credentials whose renewal is due and nobody's.
-- cross-workspace: the worker serves every workspace; each credential is then claimed and read in its own
SELECT workspace_id, provider
FROM credentials
WHERE state = 'connected' AND refresh_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
  AND provider = ANY(:providers::text[])
ORDER BY refresh_at
LIMIT :limit;

-- name: data_keys_to_move
-- Workspaces whose data key another key than :key_id wraps, in their order, after a given one.
-- cross-workspace: a rotation moves the data keys of every workspace; each is then moved in its own
SELECT workspace_id
FROM data_keys
WHERE workspace_id > :after AND destroyed_at IS NULL AND key_id IS DISTINCT FROM :key_id
ORDER BY workspace_id
LIMIT :limit;

-- name: data_keys_left
-- How many data keys another key than :key_id wraps.
-- cross-workspace: a rotation moves the data keys of every workspace
SELECT count(*)
FROM data_keys
WHERE destroyed_at IS NULL AND key_id IS DISTINCT FROM :key_id;

-- name: data_keys_sample
-- A few workspaces of each key of the keyset: at the start it is tried whether their data keys open.
-- cross-workspace: the keyset is one for all workspaces
SELECT s.workspace_id, s.key_id
FROM (
    SELECT d.workspace_id, d.key_id, row_number() OVER (PARTITION BY d.key_id ORDER BY d.created_at DESC) AS place
    FROM data_keys d
    WHERE d.destroyed_at IS NULL) s
WHERE s.place <= :each
ORDER BY s.key_id, s.place;

-- name: data_keys_listed
-- Workspaces that are on a list of fingerprints and have a data key which is older than the list says.
-- cross-workspace: the list of destroyed data keys is one for all workspaces
SELECT d.workspace_id
FROM data_keys d
JOIN unnest(:fingerprints::text[], :moments::timestamptz[]) AS l (fingerprint, moment)
    ON l.fingerprint = encode(substring(sha256(convert_to(d.workspace_id, 'UTF8')) FROM 1 FOR 16), 'hex')
WHERE d.destroyed_at IS NULL AND d.created_at <= l.moment
ORDER BY d.workspace_id;

-- name: data_keys_moved_lately
-- How many data keys were moved within the last :seconds.
-- cross-workspace: the keyset is one for all workspaces
SELECT count(*)
FROM data_keys
WHERE rewrapped_at > clock_timestamp() - make_interval(secs => :seconds::float8);

-- name: data_keys_destroyed_since
-- Workspaces whose data key was destroyed since a moment: all of them belong into the register.
-- cross-workspace: the list of destroyed data keys is one for all workspaces
SELECT workspace_id, destroyed_at
FROM data_keys
WHERE destroyed_at >= :since
ORDER BY workspace_id;

-- name: data_keys_destroyed
-- Whether any workspace's data key was ever destroyed.
-- cross-workspace: the list of destroyed data keys is one for all workspaces
SELECT EXISTS (SELECT FROM data_keys WHERE destroyed_at IS NOT NULL);

-- name: census_data_keys
-- How many data keys each key of the keyset wraps, and how many encrypted fields depend on them; 0 where the key is not known.
-- cross-workspace: the keyset is one for all workspaces
SELECT coalesce(d.key_id, 0) AS key_id, count(*) AS data_keys,
    coalesce(sum(coalesce(c.fields, 0) + coalesce(r.fields, 0)), 0)::bigint AS fields
FROM data_keys d
LEFT JOIN (SELECT workspace_id, sum(fields) AS fields FROM credentials GROUP BY workspace_id) c ON c.workspace_id = d.workspace_id
LEFT JOIN (SELECT workspace_id, sum(fields) AS fields FROM revocations GROUP BY workspace_id) r ON r.workspace_id = d.workspace_id
WHERE d.destroyed_at IS NULL
GROUP BY 1
ORDER BY 1;

-- name: census_messages
-- How many messages that wait or are parked hold something that begins as a ciphertext of each key does.
-- cross-workspace: the keyset is one for all workspaces
SELECT p.key_id, count(*) AS messages
FROM unnest(:key_ids::bigint[], :prefixes::bytea[]) AS p (key_id, prefix)
JOIN (
    SELECT k.body FROM parked k WHERE k.state = 'parked'
    UNION ALL
    SELECT o.body FROM outbox o) m ON position(p.prefix IN m.body) > 0
GROUP BY p.key_id;

-- name: census_backups
-- How many backups that have not expired need each key.
-- cross-workspace: a backup is of all workspaces
SELECT n.key_id, count(*) AS backups
FROM backups b
CROSS JOIN LATERAL unnest(b.key_ids) AS n (key_id)
WHERE b.expires_at > now()
GROUP BY n.key_id;

-- name: census_sealed
-- Sealed credentials that wait to be published or are parked.
-- cross-workspace: operators look after the service, not after a workspace
SELECT k.body, k.attributes
FROM parked k
WHERE k.state = 'parked' AND k.type = :type
UNION ALL
SELECT o.body, o.attributes
FROM outbox o
WHERE o.attributes ->> 'ce-type' = :type;

-- name: backup_add
-- Notes a backup, and the keys that were in use when it was taken, besides :key_id which may come into use while it runs.
-- cross-workspace: a backup is of all workspaces
INSERT INTO backups (id, expires_at, key_ids)
SELECT :id, :expires_at, array_agg(DISTINCT k.key_id)
FROM (
    SELECT d.key_id FROM data_keys d WHERE d.key_id IS NOT NULL
    UNION
    SELECT :key_id::bigint) k
RETURNING id, taken_at, expires_at, key_ids;

-- name: backups_lengthen
-- A backup that was noted lately may still be running, and take in data keys that the new key wraps.
-- cross-workspace: a backup is of all workspaces
UPDATE backups
SET key_ids = array_append(key_ids, :key_id)
WHERE taken_at > now() - make_interval(days => :days::int) AND :key_id <> ALL (key_ids);

-- name: backups
-- The manifest of backups, newest first.
-- cross-workspace: a backup is of all workspaces
SELECT id, taken_at, expires_at, key_ids
FROM backups
ORDER BY taken_at DESC
LIMIT :limit;

-- name: oauth_states_expired
-- Forgets consents that nobody came back for.
-- cross-workspace: upkeep of what is over, in every workspace
DELETE FROM oauth_states
WHERE expires_at <= now();
