-- name: account
-- The workspace's customer and subscription, as they were read last.
SELECT customer_id, customer_deleted, subscription_id, item_id, schedule_id, status, plan, period_end, ends_at, next_plan, next_at,
    grace_until, live, trouble, read_at
FROM billing_accounts
WHERE workspace_id = :workspace_id;

-- name: account_adopt
-- The customer that was made for the workspace, unless it has another one that exists. Gives the one that it has now.
INSERT INTO billing_accounts (workspace_id, customer_id)
VALUES (:workspace_id, :customer_id)
ON CONFLICT (workspace_id) DO UPDATE
SET customer_id = CASE WHEN billing_accounts.customer_deleted THEN excluded.customer_id ELSE billing_accounts.customer_id END,
    customer_deleted = false
WHERE billing_accounts.workspace_id = :workspace_id
RETURNING customer_id;

-- name: account_gone
-- The customer does not exist any more.
UPDATE billing_accounts
SET customer_deleted = true
WHERE workspace_id = :workspace_id AND customer_id = :customer_id;

-- name: account_keep
-- What was read of the workspace's customer; nothing where it has another one by now.
INSERT INTO billing_accounts AS a (workspace_id, customer_id, customer_deleted, subscription_id, item_id, schedule_id, status, plan, period_end,
    ends_at, next_plan, next_at, grace_until, live, trouble, read_at)
VALUES (:workspace_id, :customer_id, :customer_deleted, :subscription_id, :item_id, :schedule_id, :status, :plan, :period_end,
    :ends_at, :next_plan, :next_at, :grace_until, :live, :trouble, now())
ON CONFLICT (workspace_id) DO UPDATE
SET customer_deleted = excluded.customer_deleted, subscription_id = excluded.subscription_id,
    item_id = excluded.item_id, schedule_id = excluded.schedule_id, status = excluded.status, plan = excluded.plan,
    period_end = excluded.period_end, ends_at = excluded.ends_at, next_plan = excluded.next_plan, next_at = excluded.next_at,
    grace_until = excluded.grace_until, live = excluded.live, trouble = excluded.trouble, read_at = excluded.read_at
WHERE a.workspace_id = :workspace_id AND a.customer_id = excluded.customer_id;

-- name: invoices_keep
-- The invoices that were read.
INSERT INTO invoices AS i (workspace_id, invoice_id, number, status, total, currency, created_at)
SELECT :workspace_id, n.invoice_id, n.number, n.status, n.total, n.currency, n.created_at
FROM unnest(:invoice_ids::text[], :numbers::text[], :statuses::text[], :totals::bigint[], :currencies::text[], :moments::timestamptz[])
    AS n (invoice_id, number, status, total, currency, created_at)
ON CONFLICT (workspace_id, invoice_id) DO UPDATE
SET number = excluded.number, status = excluded.status, total = excluded.total
WHERE i.workspace_id = :workspace_id;

-- name: invoices_latest
-- The newest invoices.
SELECT invoice_id, number, status, total, currency, created_at
FROM invoices
WHERE workspace_id = :workspace_id
ORDER BY created_at DESC, invoice_id DESC
LIMIT :limit;

-- name: checkout_start
-- Notes what somebody sets out to buy; no row when the id is known.
INSERT INTO checkouts (workspace_id, id, kind, plan, price_id, packs, calls, user_id, email)
VALUES (:workspace_id, :id, :kind, :plan, :price_id, :packs, :calls, :user_id, :email)
ON CONFLICT (workspace_id, id) DO NOTHING
RETURNING id;

-- name: checkout
-- What somebody set out to buy, and for how many seconds that has been known.
SELECT id, kind, plan, price_id, packs, calls, user_id, email, session_id, credited_at, extract(epoch FROM now() - created_at)::float8 AS age
FROM checkouts
WHERE workspace_id = :workspace_id AND id = :id;

-- name: checkout_of_session
-- The purchase that a checkout session is for.
SELECT id
FROM checkouts
WHERE workspace_id = :workspace_id AND session_id = :session_id;

-- name: checkout_session
-- The purchase's checkout session; no row when it has another one.
UPDATE checkouts
SET session_id = :session_id
WHERE workspace_id = :workspace_id AND id = :id AND (session_id IS NULL OR session_id = :session_id)
RETURNING id;

-- name: checkout_credit
-- The calls of a purchase are credited, by its one session: no row the second time.
UPDATE checkouts
SET credited_at = now()
WHERE workspace_id = :workspace_id AND id = :id AND session_id = :session_id AND kind = 'addon' AND credited_at IS NULL
RETURNING id;

-- name: reading_ask
-- Has something read at Stripe, now; while it is put off since Stripe could not answer, when that is over.
INSERT INTO readings AS r (workspace_id, subject, customer_id, cause, failed)
VALUES (:workspace_id, :subject, :customer_id, :cause, :failed)
ON CONFLICT (workspace_id, subject) DO UPDATE
SET wanted = r.wanted + 1, cause = excluded.cause, failed = r.failed OR excluded.failed, asked_at = excluded.asked_at,
    customer_id = coalesce(nullif(excluded.customer_id, ''), r.customer_id),
    next_at = CASE WHEN r.attempts > 0 THEN coalesce(r.next_at, now()) ELSE now() END
WHERE r.workspace_id = :workspace_id;

-- name: reading_claim
-- Takes a reading that is due, for so many seconds.
UPDATE readings
SET leased_until = clock_timestamp() + make_interval(secs => :lease_seconds::float8), fence = fence + 1, attempts = attempts + 1
WHERE workspace_id = :workspace_id AND subject = :subject AND next_at <= clock_timestamp()
  AND (leased_until IS NULL OR leased_until <= clock_timestamp())
RETURNING subject, customer_id, cause, wanted, failed AND NOT failure_told AS failure, fence, attempts, clock_timestamp() AS now;

-- name: reading_end
-- It has been read, and is read again at a time, or at once when it was wanted meanwhile. No row for a claim that was lost.
UPDATE readings
SET leased_until = NULL, attempts = 0, outcome = :outcome, refused = :refused, ended_at = now(),
    failure_told = failure_told OR :failure_told::boolean,
    next_at = CASE WHEN wanted > :wanted THEN now() ELSE :next_at::timestamptz END
WHERE workspace_id = :workspace_id AND subject = :subject AND fence = :fence
RETURNING subject;

-- name: reading_again
-- It could not be read, and is tried again in so many seconds. No row for a claim that was lost.
UPDATE readings
SET leased_until = NULL, outcome = :outcome, next_at = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND subject = :subject AND fence = :fence
RETURNING subject;

-- name: reading_waiting
-- Whether something that was wanted has not been read yet, and whether that is since Stripe could not answer; NULL where all is read.
-- What is due at a time to come, and was not tried, was read before: it is looked at again then.
SELECT bool_or(attempts > 1 OR (attempts = 1 AND leased_until IS NULL)) AS put_off
FROM readings
WHERE workspace_id = :workspace_id AND (attempts > 0 OR next_at <= clock_timestamp()) AND (subject = 'subscriptions' OR subject LIKE 'cs\_%');

-- name: workspace_name
-- The workspace's name, as it was told last.
SELECT name
FROM workspaces
WHERE workspace_id = :workspace_id;
