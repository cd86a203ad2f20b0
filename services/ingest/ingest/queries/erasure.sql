-- Rows of a workspace that is erased, so many at once, in the order of migrations/erasure.yaml: what points to a row goes before it. The
-- eraser runs whatever begins with `erase_`, in this order; a test holds both together.

-- name: erase_run_calls
-- So many rows of run_calls.
DELETE FROM run_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM run_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_run_pages
-- So many rows of run_pages.
DELETE FROM run_pages
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM run_pages x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_job_grants
-- So many rows of job_grants.
DELETE FROM job_grants
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM job_grants x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_jobs
-- So many rows of jobs.
DELETE FROM jobs
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM jobs x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_listed_calls
-- So many rows of listed_calls.
DELETE FROM listed_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM listed_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_person_finds
-- So many rows of person_finds.
DELETE FROM person_finds
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM person_finds x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_person_searches
-- So many rows of person_searches.
DELETE FROM person_searches
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM person_searches x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_listings
-- So many rows of listings.
DELETE FROM listings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM listings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_held_calls
-- So many rows of held_calls.
DELETE FROM held_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM held_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_noticed_calls
-- So many rows of noticed_calls.
DELETE FROM noticed_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM noticed_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_provider_budgets
-- So many rows of provider_budgets.
DELETE FROM provider_budgets
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM provider_budgets x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_gong_rules
-- So many rows of gong_rules.
DELETE FROM gong_rules
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM gong_rules x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_stripe_customers
-- So many rows of stripe_customers.
DELETE FROM stripe_customers
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM stripe_customers x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_webhook_receipts
-- So many rows of webhook_receipts.
DELETE FROM webhook_receipts
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM webhook_receipts x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_integrations
-- So many rows of integrations.
DELETE FROM integrations
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM integrations x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_intents
-- So many rows of intents.
DELETE FROM intents
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM intents x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_invitations
-- So many rows of invitations.
DELETE FROM invitations
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM invitations x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_api_keys
-- So many rows of api_keys.
DELETE FROM api_keys
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM api_keys x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_members
-- So many rows of members.
DELETE FROM members
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM members x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_workspaces
-- So many rows of workspaces.
DELETE FROM workspaces
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM workspaces x WHERE x.workspace_id = :workspace_id LIMIT :most));
