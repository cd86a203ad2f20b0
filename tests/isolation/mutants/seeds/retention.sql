-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO subscriptions (workspace_id, plan, version, changed_at) VALUES ('@w', 'trial', @n, '2026-01-01T00:00:00Z');
INSERT INTO billing_accounts (workspace_id, customer_id, subscription_id, status, plan, live, read_at)
VALUES ('@w', 'cus_@w', 'sub_@w', 'active', 'growth', @n, '2026-01-01T00:00:00Z');
INSERT INTO checkouts (workspace_id, id, kind, price_id, packs, calls, user_id, email, created_at, session_id)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'addon', 'price_1', @n, 100, '@w', '@w', '2026-01-01T00:00:00Z', 'cs_1'),
       ('@w', '00000002-0000-4000-8000-000000000001', 'addon', 'price_1', @n, 100, '@w', '@w', '2026-01-01T00:00:00Z', NULL);
INSERT INTO invoices (workspace_id, invoice_id, number, status, total, currency, created_at)
VALUES ('@w', 'in_1', '@w', 'paid', @n, 'usd', '2026-01-01T00:00:00Z');
INSERT INTO readings (workspace_id, subject, customer_id, cause, wanted, next_at, fence, outcome, asked_at)
VALUES ('@w', 'subscriptions', 'cus_@w', 'webhook', @n, '2026-01-01T00:00:00Z', @n, '@w', '2026-01-01T00:00:00Z');
INSERT INTO workspaces (workspace_id, name, timezone, sequence) VALUES ('@w', 'of @w', 'UTC', 1);
INSERT INTO sub_processor_notices (workspace_id, recipient, listed_on, user_id, shown_at)
VALUES ('@w', 'of-@w', '2026-01-0@n', 'user_1', '2026-01-0@nT00:00:00Z');
INSERT INTO sub_processor_announcements (workspace_id, recipient, listed_on, announced_at)
VALUES ('@w', 'of-@w', '2026-01-0@n', '2026-01-0@nT00:00:00Z');
-- A workspace has one request that is not taken back: they differ in how far it is, so that each statement finds one of another workspace.
INSERT INTO erasures (workspace_id, id, state, by_staff, asked_by, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at, outcome)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'asked', false, '@w', '2026-01-0@nT00:00:00Z', 'UTC',
        CASE '@w' WHEN 'org_A' THEN '2026-01-02T00:00:00Z' ELSE '2999-01-02T00:00:00Z' END::timestamptz, '2026-01-03T00:00:00Z',
        '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T00:00:00Z', '@w');
UPDATE erasures
SET state = 'verifying', started_at = '2026-01-02T00:00:00Z', payments_ended_at = '2026-01-02T00:00:00Z', erased_at = '2026-01-03T00:00:00Z', attempt = 1
WHERE workspace_id = '@w' AND '@w' IN ('org_a', 'org_b');
INSERT INTO erasures (workspace_id, id, state, by_staff, asked_by, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at)
VALUES ('@w', '00000002-0000-4000-8000-000000000001', 'taken_back', false, '@w', '2026-01-0@nT00:00:00Z', 'UTC', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z',
        '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T12:00:00Z');
INSERT INTO erasure_parts (workspace_id, erasure_id, service, objects) VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'ingest', @n);
INSERT INTO report_erasures (workspace_id, id, report_id, state, by_staff, asked_by, asked_at, zone, take_back_until, target_at, alarm_at, deadline, next_at, outcome)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', 'asked', false, '@w', '2026-01-0@nT00:00:00Z', 'UTC',
        CASE '@w' WHEN 'org_A' THEN '2026-01-02T00:00:00Z' ELSE '2999-01-02T00:00:00Z' END::timestamptz, '2026-01-03T00:00:00Z',
        '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T00:00:00Z', '@w');
UPDATE report_erasures
SET state = 'verifying', started_at = '2026-01-02T00:00:00Z', erased_at = '2026-01-03T00:00:00Z', attempt = 1
WHERE workspace_id = '@w' AND '@w' IN ('org_a', 'org_b');
INSERT INTO report_erasures (workspace_id, id, report_id, state, by_staff, asked_by, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at)
VALUES ('@w', '00000002-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', 'taken_back', false, '@w', '2026-01-0@nT00:00:00Z', 'UTC',
        '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z', '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T12:00:00Z');
INSERT INTO report_erasure_parts (workspace_id, erasure_id, service, objects) VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'analysis', @n);
INSERT INTO person_requests (workspace_id, id, email, state, by_staff, asked_by, user_ids, asked_at, zone, take_back_until, target_at, alarm_at, deadline,
                             next_at, outcome)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'person@one.example', 'asked', false, '@w', ARRAY['user_1'], '2026-01-0@nT00:00:00Z', 'UTC',
        CASE '@w' WHEN 'org_A' THEN '2026-01-02T00:00:00Z' ELSE '2999-01-02T00:00:00Z' END::timestamptz, '2026-01-03T00:00:00Z',
        '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T00:00:00Z', '@w');
UPDATE person_requests
SET state = 'verifying', started_at = '2026-01-02T00:00:00Z', erased_at = '2026-01-03T00:00:00Z', attempt = 1, found_attempt = 1, told_attempt = 1
WHERE workspace_id = '@w' AND '@w' IN ('org_a', 'org_b');
INSERT INTO person_requests (workspace_id, id, state, by_staff, asked_at, zone, take_back_until, target_at, alarm_at, deadline, taken_back_at)
VALUES ('@w', '00000002-0000-4000-8000-000000000001', 'taken_back', false, '2026-01-0@nT00:00:00Z', 'UTC',
        '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z', '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z', '2026-01-01T12:00:00Z');
INSERT INTO person_request_parts (workspace_id, erasure_id, service, objects) VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'analysis', @n);
