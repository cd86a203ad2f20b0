-- name: facts_insert
-- What a producer's transaction makes true.
INSERT INTO facts (workspace_id, id)
SELECT :workspace_id, f.id FROM unnest(:ids::uuid[]) AS f (id);

-- name: effects_insert
-- Records effects; one that is there already is counted, not refused.
INSERT INTO effects (workspace_id, event_id, aggregate_id, sequence)
SELECT :workspace_id, e.event_id, e.aggregate_id, e.sequence
FROM unnest(:event_ids::uuid[], :aggregate_ids::text[], :sequences::bigint[]) AS e (event_id, aggregate_id, sequence)
ON CONFLICT (workspace_id, event_id) DO UPDATE SET times = effects.times + 1;

-- name: states_raise
-- Keeps the highest sequence of each aggregate.
INSERT INTO states (workspace_id, aggregate_id, sequence)
SELECT :workspace_id, s.aggregate_id, max(s.sequence)
FROM unnest(:aggregate_ids::text[], :sequences::bigint[]) AS s (aggregate_id, sequence)
GROUP BY s.aggregate_id
ORDER BY s.aggregate_id
ON CONFLICT (workspace_id, aggregate_id) DO UPDATE SET sequence = excluded.sequence
WHERE states.sequence < excluded.sequence;

-- name: effects_insert_once
-- A plain insert: what a measurement counts.
INSERT INTO effects (workspace_id, event_id, aggregate_id, sequence)
SELECT :workspace_id, e.event_id, e.aggregate_id, e.sequence
FROM unnest(:event_ids::uuid[], :aggregate_ids::text[], :sequences::bigint[]) AS e (event_id, aggregate_id, sequence);

-- name: effects_insert_enter
-- Enters the workspace and records effects there, in one round trip.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true))
INSERT INTO effects (workspace_id, event_id, aggregate_id, sequence)
SELECT :workspace_id, e.event_id, e.aggregate_id, e.sequence
FROM scope CROSS JOIN unnest(:event_ids::uuid[], :aggregate_ids::text[], :sequences::bigint[]) AS e (event_id, aggregate_id, sequence)
ON CONFLICT (workspace_id, event_id) DO UPDATE SET times = effects.times + 1;

-- name: effects_count
-- cross-workspace: the oracle sees everything
SELECT count(*) FROM effects;

-- name: inbox_count
-- cross-workspace: the oracle sees everything
SELECT count(*) FROM inbox;

-- name: outbox_count
-- cross-workspace: the oracle sees everything
SELECT count(*) FROM outbox;

-- name: time_passes
-- Lets time pass for the database: everything that lies ahead comes nearer.
-- cross-workspace: the oracle sees everything
WITH lease AS (
    UPDATE relay_lease SET expires_at = expires_at - make_interval(secs => :seconds::float8) WHERE expires_at IS NOT NULL)
UPDATE outbox SET next_attempt_at = next_attempt_at - make_interval(secs => :seconds::float8)
WHERE attempts > 0;

-- name: effects_of
-- cross-workspace: the oracle looks at a schedule's workspaces
SELECT event_id, times FROM effects WHERE workspace_id = ANY(:workspace_ids::text[]);

-- name: states_of
-- cross-workspace: the oracle looks at a schedule's workspaces
SELECT aggregate_id, sequence FROM states WHERE workspace_id = ANY(:workspace_ids::text[]);

-- name: fence_of
-- cross-workspace: the lease belongs to the whole outbox
SELECT fence FROM relay_lease WHERE name = :lease;

-- name: outbox_empty
-- cross-workspace: a measurement's stand-in for the relay
DELETE FROM outbox;

-- name: inbox_heard_long_ago
-- Lets one event of the workspace have been heard so many days ago.
INSERT INTO inbox (workspace_id, consumer, event_id, received_at)
VALUES (:workspace_id, 'analysis', gen_random_uuid(), clock_timestamp() - make_interval(days => :days::int));
