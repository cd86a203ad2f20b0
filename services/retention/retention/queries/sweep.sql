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

-- name: erasures_due
-- Requests for erasure that something is to be done about now.
-- cross-workspace: the worker serves every workspace; each request is then claimed and worked on in its own
SELECT workspace_id, id
FROM erasures
WHERE next_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
ORDER BY next_at
LIMIT :limit;

-- name: erasures_slow
-- Requests that are not done when staff is to be told, and of which it was not told.
-- cross-workspace: the worker looks after the requests of every workspace; each is then noted in its own
SELECT workspace_id, id
FROM erasures
WHERE alarmed_at IS NULL AND alarm_at <= now() AND state IN ('asked', 'erasing', 'verifying')
ORDER BY alarm_at
LIMIT :limit;

-- name: report_erasures_due
-- Requests to erase a report that something is to be done about now.
-- cross-workspace: the worker serves every workspace; each request is then claimed and worked on in its own
SELECT workspace_id, id
FROM report_erasures
WHERE next_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
ORDER BY next_at
LIMIT :limit;

-- name: report_erasures_slow
-- Requests to erase a report that are not done when staff is to be told, and of which it was not told.
-- cross-workspace: the worker looks after the requests of every workspace; each is then noted in its own
SELECT workspace_id, id
FROM report_erasures
WHERE alarmed_at IS NULL AND alarm_at <= now() AND state IN ('asked', 'erasing', 'verifying')
ORDER BY alarm_at
LIMIT :limit;

-- name: person_requests_due
-- Requests to erase a person's data that something is to be done about now.
-- cross-workspace: the worker serves every workspace; each request is then claimed and worked on in its own
SELECT workspace_id, id
FROM person_requests
WHERE next_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
ORDER BY next_at
LIMIT :limit;

-- name: person_requests_slow
-- Requests to erase a person's data that are not done when staff is to be told, and of which it was not told.
-- cross-workspace: the worker looks after the requests of every workspace; each is then noted in its own
SELECT workspace_id, id
FROM person_requests
WHERE alarmed_at IS NULL AND alarm_at <= now() AND state IN ('asked', 'erasing', 'verifying')
ORDER BY alarm_at
LIMIT :limit;

-- name: erasures_listed
-- Requests, the newest first, for our staff: no name, only ids and times. Those of single reports name the report, those of a person's data nobody.
-- cross-workspace: staff looks after all requests, as it is bound to; what a workspace holds is not read
SELECT workspace_id, id, 'workspace' AS scope, NULL::uuid AS report_id, state, by_staff, asked_at, take_back_until, deadline, completed_at, outcome
FROM erasures
UNION ALL
SELECT workspace_id, id, 'report', report_id, state, by_staff, asked_at, take_back_until, deadline, completed_at, outcome
FROM report_erasures
UNION ALL
SELECT workspace_id, id, 'person', NULL, state, by_staff, asked_at, take_back_until, deadline, completed_at, outcome
FROM person_requests
ORDER BY asked_at DESC, id
LIMIT :limit;

-- name: erasures_kept_to
-- For the public trust page: how many requests are completed, how many are under way, and which of them late. One that was late is counted
-- for a year. Requests of single reports and of people's data count as those of workspaces do.
-- cross-workspace: the trust page tells of all requests at once, in numbers only
SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
       count(*) FILTER (WHERE state IN ('asked', 'erasing', 'verifying')) AS under_way,
       count(*) FILTER (WHERE state IN ('asked', 'erasing', 'verifying') AND deadline < now()) AS overdue,
       count(*) FILTER (WHERE state IN ('completed', 'with_workspace') AND completed_at > deadline AND completed_at > now() - interval '365 days')
           AS late,
       max(completed_at) FILTER (WHERE state = 'completed') AS last_completed_at
FROM (SELECT state, deadline, completed_at FROM erasures
      UNION ALL
      SELECT state, deadline, completed_at FROM report_erasures
      UNION ALL
      SELECT state, deadline, completed_at FROM person_requests) requests;
