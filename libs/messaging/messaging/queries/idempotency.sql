-- name: request_claim
-- Claims a request for the one who asks first. Taken over: a claim that has run out without an answer, for whoever asked has died, and what
-- is too old to count. No row where it is somebody else's.
INSERT INTO idempotent_requests AS known (workspace_id, id, request, claimed_until)
VALUES (:workspace_id, :id, :request, clock_timestamp() + make_interval(secs => :claim_seconds::float8))
ON CONFLICT (workspace_id, id) DO UPDATE
SET request = excluded.request, created_at = clock_timestamp(), claimed_until = excluded.claimed_until, fence = known.fence + 1,
    status = NULL, headers = NULL, body = NULL
WHERE known.status IS NULL AND known.claimed_until <= clock_timestamp() AND known.request = excluded.request
   OR known.created_at <= clock_timestamp() - make_interval(secs => :kept_seconds::float8)
RETURNING fence;

-- name: request_read
-- A request that was claimed before, with its answer if there is one.
SELECT request, status, headers, body
FROM idempotent_requests
WHERE workspace_id = :workspace_id AND id = :id;

-- name: request_answered
-- Keeps the answer; nothing where somebody else has taken the claim over.
UPDATE idempotent_requests
SET status = :status::int, headers = :headers::jsonb, body = :body
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND status IS NULL;

-- name: request_release
-- Gives a claim back that led to nothing.
DELETE FROM idempotent_requests
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence AND status IS NULL;
