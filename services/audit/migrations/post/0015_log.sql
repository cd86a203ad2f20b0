-- depends: 0014_log
-- What was recorded before there was a log, or by a process that did not know of it, arrives now, 500 entries at a time; its leaves are made
-- when it is sealed.
SET lock_timeout = '3s';

-- Forced row security holds the owner back as well; nobody else sees the tables before this transaction is over.
ALTER TABLE entries NO FORCE ROW LEVEL SECURITY;
ALTER TABLE log_arrivals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE log_seals NO FORCE ROW LEVEL SECURITY;

WITH known AS (
    SELECT a.workspace_id, u.id FROM log_arrivals a CROSS JOIN unnest(a.entries) AS u (id)
    UNION ALL
    SELECT s.workspace_id, u.id FROM log_seals s CROSS JOIN unnest(s.entries) AS u (id)
), unknown AS (
    SELECT e.workspace_id, e.id, e.recorded_at,
        (row_number() OVER (PARTITION BY e.workspace_id ORDER BY e.recorded_at, e.id) - 1) / 500 AS part
    FROM entries e
    WHERE NOT EXISTS (SELECT FROM known k WHERE k.workspace_id = e.workspace_id AND k.id = e.id)
)
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
SELECT u.workspace_id,
    -- A uuid7 of the time at which the first was recorded: arrivals are sealed in the order of their ids.
    (lpad(to_hex((extract(epoch FROM min(u.recorded_at)) * 1000)::bigint), 12, '0')
        || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
    array_agg(u.id ORDER BY u.recorded_at, u.id), '', -1
FROM unknown u
GROUP BY u.workspace_id, u.part;

ALTER TABLE entries FORCE ROW LEVEL SECURITY;
ALTER TABLE log_arrivals FORCE ROW LEVEL SECURITY;
ALTER TABLE log_seals FORCE ROW LEVEL SECURITY;
