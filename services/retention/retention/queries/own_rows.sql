-- name: own_rows_erase
-- Erases what retention keeps of the workspace, and of the record of its requests who made them; how many rows of each table that were.
WITH requests AS (UPDATE erasures SET asked_by = NULL, ticket = NULL
                  WHERE workspace_id = :workspace_id AND (asked_by IS NOT NULL OR ticket IS NOT NULL) RETURNING 1),
     notices AS (DELETE FROM sub_processor_notices WHERE workspace_id = :workspace_id RETURNING 1),
     announced AS (DELETE FROM sub_processor_announcements WHERE workspace_id = :workspace_id RETURNING 1),
     read_again AS (DELETE FROM readings WHERE workspace_id = :workspace_id RETURNING 1),
     paid AS (DELETE FROM invoices WHERE workspace_id = :workspace_id RETURNING 1),
     bought AS (DELETE FROM checkouts WHERE workspace_id = :workspace_id RETURNING 1),
     accounts AS (DELETE FROM billing_accounts WHERE workspace_id = :workspace_id RETURNING 1),
     plans AS (DELETE FROM subscriptions WHERE workspace_id = :workspace_id RETURNING 1),
     names AS (DELETE FROM workspaces WHERE workspace_id = :workspace_id RETURNING 1),
     said AS (DELETE FROM outbox WHERE workspace_id = :workspace_id RETURNING 1),
     heard AS (DELETE FROM inbox WHERE workspace_id = :workspace_id RETURNING 1),
     put_aside AS (DELETE FROM parked WHERE workspace_id = :workspace_id RETURNING 1),
     answered AS (DELETE FROM idempotent_requests WHERE workspace_id = :workspace_id RETURNING 1),
     keys AS (DELETE FROM known_api_keys WHERE workspace_id = :workspace_id RETURNING 1),
     allowances AS (DELETE FROM request_allowances WHERE workspace_id = :workspace_id RETURNING 1),
     grants AS (DELETE FROM known_staff_grants WHERE workspace_id = :workspace_id RETURNING 1),
     people AS (DELETE FROM memberships WHERE workspace_id = :workspace_id RETURNING 1)
SELECT 'erasures' AS relation, count(*) AS rows FROM requests
UNION ALL SELECT 'sub_processor_notices', count(*) FROM notices
UNION ALL SELECT 'sub_processor_announcements', count(*) FROM announced
UNION ALL SELECT 'readings', count(*) FROM read_again
UNION ALL SELECT 'invoices', count(*) FROM paid
UNION ALL SELECT 'checkouts', count(*) FROM bought
UNION ALL SELECT 'billing_accounts', count(*) FROM accounts
UNION ALL SELECT 'subscriptions', count(*) FROM plans
UNION ALL SELECT 'workspaces', count(*) FROM names
UNION ALL SELECT 'outbox', count(*) FROM said
UNION ALL SELECT 'inbox', count(*) FROM heard
UNION ALL SELECT 'parked', count(*) FROM put_aside
UNION ALL SELECT 'idempotent_requests', count(*) FROM answered
UNION ALL SELECT 'known_api_keys', count(*) FROM keys
UNION ALL SELECT 'request_allowances', count(*) FROM allowances
UNION ALL SELECT 'known_staff_grants', count(*) FROM grants
UNION ALL SELECT 'memberships', count(*) FROM people;
