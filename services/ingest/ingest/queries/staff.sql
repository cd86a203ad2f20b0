-- name: staff_jobs
-- staff: The newest fetch jobs: their states, failures, counts and times
SELECT id, kind, state, failure, attempts, next_attempt_at, planned_at, calls_matching, calls_private, calls_without_transcript,
    calls_fetched, created_at
FROM jobs
WHERE workspace_id = :workspace_id
ORDER BY id DESC
LIMIT :most;

-- name: staff_members
-- staff: Who is a member: ids, e-mail addresses and roles
SELECT user_id, email, role
FROM members
WHERE workspace_id = :workspace_id AND NOT removed
ORDER BY role, email, user_id
LIMIT :most;

-- name: staff_integrations
-- staff: Which integrations are connected, as ingest knows them
SELECT provider, state, credential_version
FROM integrations
WHERE workspace_id = :workspace_id
ORDER BY provider
LIMIT :most;
