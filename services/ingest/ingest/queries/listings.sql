-- name: listing_recent
-- The calls of a range, from a list of it or of more that may still be used: one row with nothing where there are none, no row without such
-- a list. One statement, so that a list which takes its place meanwhile is seen whole or not at all. Calls that are erased are left out.
SELECT c.metadata
FROM listings l
LEFT JOIN listed_calls c ON c.workspace_id = :workspace_id AND c.provider = l.provider
    AND c.started_at >= :from_time AND c.started_at < :to_time AND NOT EXISTS (
        SELECT FROM call_tombstones t WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = c.call_id)
WHERE l.workspace_id = :workspace_id AND l.provider = 'gong' AND l.credential_version = :credential_version
    AND l.from_time <= :from_time AND l.to_time >= :to_time AND l.usable_until > clock_timestamp();

-- name: listing_awaited
-- Whether a preview that was asked for before this one lists the same range, or more, right now: its list is about to be there. The later
-- waits for the earlier one and never the other way round, so that no two wait for each other.
SELECT count(*) FROM jobs own
JOIN jobs other ON other.workspace_id = :workspace_id AND other.kind = 'preview' AND other.state = 'fetching'
    AND other.lease_expires_at > clock_timestamp() AND other.credential_version = own.credential_version
    AND (other.filter ->> 'from_time')::timestamptz <= (own.filter ->> 'from_time')::timestamptz
    AND (other.filter ->> 'to_time')::timestamptz >= (own.filter ->> 'to_time')::timestamptz
    AND (other.created_at, other.id) < (own.created_at, own.id)
WHERE own.workspace_id = :workspace_id AND own.id = :id;

-- name: listing_save
-- A list takes the place of the one before; its row is locked from here on, so that two which end together are written one after the other.
INSERT INTO listings AS known (workspace_id, provider, from_time, to_time, credential_version, usable_until)
VALUES (:workspace_id, 'gong', :from_time, :to_time, :credential_version,
    clock_timestamp() + make_interval(secs => :lasts_seconds::float8))
ON CONFLICT (workspace_id, provider) DO UPDATE
SET from_time = excluded.from_time, to_time = excluded.to_time, credential_version = excluded.credential_version,
    usable_until = excluded.usable_until;

-- name: listed_calls_forget
-- The calls of the list before.
DELETE FROM listed_calls
WHERE workspace_id = :workspace_id AND provider = 'gong';

-- name: listed_calls_add
-- The calls of the list, without those that are erased.
INSERT INTO listed_calls (workspace_id, provider, call_id, started_at, metadata)
SELECT :workspace_id, 'gong', c.call_id, c.started_at, c.metadata
FROM unnest(:call_ids::text[], :started_ats::timestamptz[], :metadata::bytea[]) AS c (call_id, started_at, metadata)
WHERE NOT EXISTS (
    SELECT FROM call_tombstones t WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = c.call_id);

-- name: listing_forget
-- The list goes, and its calls with it.
DELETE FROM listings
WHERE workspace_id = :workspace_id AND provider = 'gong';
