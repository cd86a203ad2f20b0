-- Rows of a workspace that is erased, so many at once, in the order of migrations/erasure.yaml: what points to a row goes before it. The
-- eraser runs whatever begins with `erase_`, in this order; a test holds both together.

-- name: erase_sub_processor_announcements
-- So many rows of sub_processor_announcements.
DELETE FROM sub_processor_announcements
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM sub_processor_announcements x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_sub_processor_notices
-- So many rows of sub_processor_notices.
DELETE FROM sub_processor_notices
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM sub_processor_notices x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_readings
-- So many rows of readings.
DELETE FROM readings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM readings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_invoices
-- So many rows of invoices.
DELETE FROM invoices
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM invoices x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_checkouts
-- So many rows of checkouts.
DELETE FROM checkouts
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM checkouts x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_billing_accounts
-- So many rows of billing_accounts.
DELETE FROM billing_accounts
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM billing_accounts x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_subscriptions
-- So many rows of subscriptions.
DELETE FROM subscriptions
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM subscriptions x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_workspaces
-- So many rows of workspaces.
DELETE FROM workspaces
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM workspaces x WHERE x.workspace_id = :workspace_id LIMIT :most));
