-- name: readings_due
-- What is to be read at Stripe now.
-- cross-workspace: the worker serves every workspace; each reading is then claimed and made in its own
SELECT workspace_id, subject
FROM readings
WHERE next_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
ORDER BY next_at
LIMIT :limit;

-- name: readings_refused
-- What was read and refused, or has been tried without success, for operators; newest first.
-- cross-workspace: operators look after the service, not after a workspace
SELECT workspace_id, subject, outcome, refused, asked_at
FROM readings
WHERE outcome <> ''
ORDER BY asked_at DESC
LIMIT :limit;

-- name: trials_over
-- Trials that are older than so many days.
-- cross-workspace: trials end in every workspace; each is then ended in its own
SELECT workspace_id
FROM subscriptions
WHERE plan = 'trial' AND changed_at <= now() - make_interval(days => :days::int)
ORDER BY changed_at
LIMIT :limit;

-- name: customers_after
-- Workspaces that have a customer at Stripe, in their order, after a given one.
-- cross-workspace: operators have all customers read again; each is then read in its own workspace
SELECT workspace_id
FROM billing_accounts
WHERE workspace_id > :after
ORDER BY workspace_id
LIMIT :limit;

-- name: announcement_untold
-- Workspaces that were not told of a new sub-processor.
-- cross-workspace: all workspaces are told; each is then told in its own
SELECT w.workspace_id
FROM workspaces w
WHERE NOT EXISTS (
    SELECT FROM sub_processor_announcements a
    WHERE a.workspace_id = w.workspace_id AND a.recipient = :recipient AND a.listed_on = :listed_on)
ORDER BY w.workspace_id
LIMIT :limit;
