-- name: job_claim
-- Takes the next job that is due, or whose worker has gone; previews first, for somebody waits in front of a page. A workspace that has its
-- share of workers already waits, so that one with many runs does not hold up the others.
-- cross-workspace: workers serve every workspace
UPDATE jobs
SET state = 'fetching', fence = jobs.fence + 1, attempts = jobs.attempts + 1,
    lease_expires_at = clock_timestamp() + make_interval(secs => :lease_seconds::float8)
FROM (
    SELECT j.workspace_id, j.id
    FROM jobs j
    WHERE (j.state = 'ready' AND j.next_attempt_at <= clock_timestamp()
           OR j.state = 'fetching' AND j.lease_expires_at <= clock_timestamp())
      AND (SELECT count(*) FROM jobs busy
           WHERE busy.workspace_id = j.workspace_id AND busy.state = 'fetching'
             AND busy.lease_expires_at > clock_timestamp()) < :share::int
    ORDER BY j.kind, j.created_at, j.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED) due
WHERE jobs.workspace_id = due.workspace_id AND jobs.id = due.id
RETURNING jobs.workspace_id, jobs.id, jobs.fence, jobs.correlation_id, jobs.traceparent;

-- name: jobs_recent
-- The newest jobs of all workspaces.
-- cross-workspace: operators look after the service, not after a workspace
SELECT workspace_id, id, kind, state, attempts, next_attempt_at, lease_expires_at, calls_matching, calls_fetched, created_at
FROM jobs
WHERE :state::text = '' OR state = :state::text
ORDER BY created_at DESC
LIMIT :jobs;

-- name: workspaces_every
-- All workspaces, without their names.
-- cross-workspace: operators look after the service, not after a workspace
SELECT workspace_id, timezone, created_at
FROM workspaces
ORDER BY created_at, workspace_id;

-- name: account_owners
-- The workspaces that have connected an account of a provider.
-- cross-workspace: a webhook names the provider's account, not the workspace; each is then told in its own
SELECT workspace_id
FROM integrations
WHERE provider = :provider AND account_id = :account_id AND account_id <> ''
ORDER BY workspace_id;

-- name: customer_owners
-- The workspaces that a customer of Stripe's was named with: one, unless somebody has mixed them up.
-- cross-workspace: a webhook names the customer, not the workspace; what it says is then heard in that one
SELECT workspace_id
FROM stripe_customers
WHERE customer_id = :customer_id
ORDER BY workspace_id;

-- name: gong_rule_owners
-- Whose address it is, and the key that has to have signed what comes in there.
-- cross-workspace: a webhook comes to an address that says nothing of whose it is
SELECT workspace_id, public_key
FROM gong_rules
WHERE endpoint = :endpoint
ORDER BY workspace_id;

-- name: listings_over
-- Lists of calls whose time is over, with their calls.
-- cross-workspace: what is no longer of use is deleted for every workspace, whether somebody asks for a preview there again or not
DELETE FROM listings
WHERE usable_until <= now();

-- name: receipts_purge
-- Forgets the oldest of the webhooks that were heard long ago, :receipts of them, and those of the same moment as the last.
-- cross-workspace: upkeep of all receipts
DELETE FROM webhook_receipts
WHERE received_at <= (
    SELECT max(old.received_at)
    FROM (
        SELECT r.received_at FROM webhook_receipts r
        WHERE r.received_at < now() - make_interval(days => :days::int)
        ORDER BY r.received_at
        LIMIT :receipts) old);

-- name: noticed_calls_purge
-- Forgets the oldest of the calls that Gong told of long ago, :calls of them, and those of the same moment as the last.
-- cross-workspace: upkeep of all noticed calls
DELETE FROM noticed_calls
WHERE noticed_at <= (
    SELECT max(old.noticed_at)
    FROM (
        SELECT n.noticed_at FROM noticed_calls n
        WHERE n.noticed_at < now() - make_interval(days => :days::int)
        ORDER BY n.noticed_at
        LIMIT :calls) old);

-- name: person_searches_due
-- Searches for a person that are to be carried on.
-- cross-workspace: the searches of all workspaces
SELECT workspace_id, erasure_id, attempt
FROM person_searches
WHERE next_at <= now()
ORDER BY next_at
LIMIT :most;
