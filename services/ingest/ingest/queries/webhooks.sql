-- name: receipt_insert
-- Notes a webhook as heard; no row touched when it had been heard before.
INSERT INTO webhook_receipts (workspace_id, source, message_id, type)
VALUES (:workspace_id, :source, :message_id, :type)
ON CONFLICT (workspace_id, source, message_id) DO NOTHING;

-- name: stripe_customer_insert
-- Remembers whose customer it is; no row touched when that is known.
INSERT INTO stripe_customers (workspace_id, customer_id)
VALUES (:workspace_id, :customer_id)
ON CONFLICT (workspace_id, customer_id) DO NOTHING;

-- name: gong_rule_insert
-- Opens an address for a rule of the workspace's Gong.
INSERT INTO gong_rules (workspace_id, endpoint, public_key)
VALUES (:workspace_id, :endpoint, :public_key);

-- name: gong_rule_delete
-- Closes an address; no row touched when there is none.
DELETE FROM gong_rules
WHERE workspace_id = :workspace_id AND endpoint = :endpoint;

-- name: gong_rules_all
-- The workspace's open addresses, oldest first.
SELECT endpoint, created_at
FROM gong_rules
WHERE workspace_id = :workspace_id
ORDER BY created_at, endpoint;

-- name: noticed_call_insert
-- Notes that Gong has told of a call; no row touched when it had before, or when the call is erased.
INSERT INTO noticed_calls (workspace_id, call_id, started_at)
SELECT :workspace_id, :call_id, :started_at
WHERE NOT EXISTS (
    SELECT FROM call_tombstones t WHERE t.workspace_id = :workspace_id AND t.provider = 'gong' AND t.call_id = :call_id)
ON CONFLICT (workspace_id, call_id) DO NOTHING;

-- name: noticed_calls_sum
-- How many calls Gong has told of, of those that are remembered, and when it last did.
SELECT count(*) AS calls, max(noticed_at) AS latest
FROM noticed_calls
WHERE workspace_id = :workspace_id;
