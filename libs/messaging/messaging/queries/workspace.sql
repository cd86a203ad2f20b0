-- name: outbox_insert
-- Writes the events of one transaction in the order in which they were added.
INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes)
SELECT :workspace_id, e.event_id, e.topic, e.ordering_key, e.body, e.attributes
FROM unnest(:event_ids::uuid[], :topics::text[], :ordering_keys::text[], :bodies::bytea[], :attributes::jsonb[])
    WITH ORDINALITY AS e (event_id, topic, ordering_key, body, attributes, position)
ORDER BY e.position;

-- name: inbox_enter
-- Enters the workspace and notes events as heard, in one round trip; returns those that had not been heard before. Of an
-- erased workspace nothing is heard but the erasure itself. The row policies are
-- checked for each row as it is written, which is after the scope has been set. In id order, so that two batches never wait for each other.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true) AS workspace_id)
INSERT INTO inbox (workspace_id, consumer, event_id)
SELECT :workspace_id, :consumer, e.event_id
FROM scope CROSS JOIN unnest(:event_ids::uuid[]) AS e (event_id)
WHERE :consumer LIKE '%.erasure' OR :consumer LIKE '%.erasure-receipts'
   OR (SELECT NOT EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = :workspace_id AND scope.workspace_id <> ''))
ORDER BY e.event_id
ON CONFLICT DO NOTHING
RETURNING workspace_id, event_id;
