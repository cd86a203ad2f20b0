-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO plans (workspace_id, plan, window_days, monthly_calls, concurrent_runs, models, sequence)
VALUES ('@w', 'trial', @n, 1, 1, '{}', 1);
INSERT INTO workspaces (workspace_id, name, timezone, sequence) VALUES ('@w', 'of @w', '@w', 1);
INSERT INTO prepared_lists (workspace_id, asked_at) VALUES ('@w', '2026-01-0@nT00:00:00Z');
INSERT INTO preferences (workspace_id, mask_personal_data, other_provider_fallback, sequence) VALUES ('@w', @n = 1, @n = 2, 1);
INSERT INTO integrations (workspace_id, provider, state, reason, sequence) VALUES ('@w', 'gong', 'connected', 'of @w', 1);
INSERT INTO previews (workspace_id, id, request, reason) VALUES ('@w', '00000001-0000-4000-8000-000000000001', '{}', 'of @w');
INSERT INTO runs (workspace_id, id, request_id, requested_by, request, state, call_limit, started_at, finished_at, report_id, created_at,
                  calls_fetched, fetch_ids, calls_kept)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', '@w', '"@w"', 'running', 1,
        '2026-01-01T00:00:00Z', NULL, NULL, '2026-01-01T00:00:00Z', 9, ARRAY['00000001-0000-4000-8000-000000000001'::uuid], 1),
       ('@w', '00000002-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000001', '@w', '"@w"', 'queued', NULL,
        NULL, NULL, NULL, '2026-01-0@nT00:00:00Z', 0, ARRAY['00000002-0000-4000-8000-000000000001'::uuid], 0),
       ('@w', '00000003-0000-4000-8000-000000000001', '00000003-0000-4000-8000-000000000001', '@w', '"@w"', 'failed', 1,
        '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', NULL, '2026-01-01T00:00:00Z', 0,
        ARRAY['00000003-0000-4000-8000-000000000001'::uuid], 0);
INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds, state, fence, title, reason,
                       done_at)
SELECT '@w', r.id, 'call_01', 1, '@w', repeat('0', 64), '2026-01-01T00:00:00Z', 1,
       CASE r.state WHEN 'failed' THEN 'failed' ELSE 'analysing' END, 1, '@w', '@w',
       CASE r.state WHEN 'failed' THEN '2026-01-01T00:00:00Z'::timestamptz END
FROM runs r WHERE r.workspace_id = '@w';
INSERT INTO analyses (workspace_id, run_id, call_id, title, account, rep, segment, verdict, summary, rep_talk_ms, total_talk_ms,
                      quotes_dropped)
SELECT '@w', run_id, 'call_01', '@w', '@w', '@w', '@w', 'yes', '@w', 1, 1, 0 FROM run_calls
WHERE workspace_id = '@w' AND call_id = 'call_01' AND run_id::text LIKE '00000001%';
INSERT INTO findings (workspace_id, run_id, call_id, ordinal, theme, claim, sentiment)
SELECT '@w', run_id, call_id, 1, '@w', '@w', 'mixed' FROM analyses WHERE workspace_id = '@w' AND call_id = 'call_01';
INSERT INTO quotes (workspace_id, run_id, call_id, finding, ordinal, sentence_id, speaker, affiliation, start_ms, body)
SELECT '@w', run_id, call_id, 1, 1, '1', '@w', 'customer', 1, '@w' FROM findings WHERE workspace_id = '@w' AND call_id = 'call_01';
INSERT INTO usage (workspace_id, run_id, call_id)
SELECT '@w', run_id, call_id FROM analyses WHERE workspace_id = '@w' AND call_id = 'call_01';
INSERT INTO usage_months (workspace_id, begins_at, ends_at, by_plan, reached)
VALUES ('@w', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z', @n, @n);
INSERT INTO addon_purchases (workspace_id, purchase_id, calls, credited_at) VALUES ('@w', 'cs_1', @n + 10, '2026-01-01T00:00:00Z');
INSERT INTO addon_balances (workspace_id, bought, used) VALUES ('@w', @n + 10, @n);
INSERT INTO model_requests (workspace_id, id, run_id, call_id, task, part, parts, provider, model, provider_model, data_classes, masked,
                            bytes_sent, storage, input_tokens, cached_tokens, cache_write_tokens, output_tokens, cost_micro_dollars, outcome,
                            status, started_at, took_ms)
SELECT '@w', '00000001-0000-4000-8000-000000000001', run_id, call_id, '@w', 1, 1, '@w', '@w', '@w', '{brief}', '{"email": @n}', @n, 'off',
       @n, @n, @n, @n, @n, 'busy', 429, '2026-01-0@nT00:00:00Z', @n
FROM analyses WHERE workspace_id = '@w' AND call_id = 'call_01';
INSERT INTO syntheses (workspace_id, run_id, fence)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 1);
INSERT INTO reports (workspace_id, id, run_id, headline, document)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', '@w',
        '{"themes": [{"label": "@w", "findings": [{"id": "@w", "call_id": "call_01", "call_title": "@w", "account": "@w", "rep": "@w",
          "claim": "@w", "sentiment": "mixed", "quotes": []}]}]}');
INSERT INTO report_findings (workspace_id, report_id, number, run_id, created_at, finding_id, theme_number, place, theme, claim, sentiment,
                             quotes, call_id, call_title, called_at, account, rep, verdict, words)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 2, '00000001-0000-4000-8000-000000000001', '2026-07-01T00:00:00Z', '@w', 1, 1, '@w', '@w',
        'mixed', '[]', '@w', '@w', '2026-07-01T00:00:00Z', '@w', '@w', 'yes', 'word');
INSERT INTO report_dates (workspace_id, report_id, created_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '2026-01-01T00:00:00Z');
INSERT INTO report_exports (workspace_id, report_id, number, format, exported_by, version, created_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', @n, 'csv', '@w', 1001, '2026-01-01T00:00:00Z');
INSERT INTO export_files (workspace_id, report_id, format, version, report_created_at, fence, lease_until, asked_at, done_at, object_name, sha256,
                          size_bytes)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'csv', 1001, now(), 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:00Z', '@w', repeat('0', 64), @n),
       ('@w', '00000001-0000-4000-8000-000000000001', 'pdf', 1001, now(), 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', NULL, NULL, NULL,
        NULL);
INSERT INTO notices (workspace_id, provider, credential_version, sequence, state, grant_id, sealed, sealing_key_id, grant_expires_at, fence,
                     lease_until)
VALUES ('@w', 'gong', 1, 1, 'ready', '00000001-0000-4000-8000-000000000001', convert_to('@w', 'UTF8'), '@w', '2026-01-01T00:00:00Z', 1,
        '2026-01-0@nT00:00:00Z'),
       ('@w', 'hubspot', 1, @n, 'waiting_grant', '00000002-0000-4000-8000-000000000001', NULL, NULL, NULL, 1, '2026-01-01T00:00:00Z');
INSERT INTO notices (workspace_id, provider, credential_version, sequence, state, grant_id, reason, ended_at, company, purpose, in_effect_from,
                     created_at)
VALUES ('@w', 'subprocessor:acme', 20260101, 0, 'skipped', '00000003-0000-4000-8000-000000000001', '@w', '2026-01-01T00:00:00Z', '@w',
        'of @w', '2026-02-0@n', '2026-01-01T00:00:00Z');
INSERT INTO schedules (workspace_id, id, state, version, name, request, cap, range, cadence, minute_of_day, month_day, next_firing_at, fence,
                       lease_until, created_by)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'active', 1, 'of @w', '"@w"', true, 'last_7_days', 'daily', @n, NULL,
        '2026-01-0@nT00:00:00Z', 1, '2026-01-01T00:00:00Z', '@w'),
       ('@w', '00000002-0000-4000-8000-000000000001', 'paused', 1, 'of @w', '"@w"', true, 'previous_month', 'monthly', 1, @n, NULL, 1,
        '2026-01-01T00:00:00Z', '@w');
INSERT INTO schedule_firings (workspace_id, schedule_id, planned_at, outcome, reason, firings, first_planned_at, by_hand, run_id, fired_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '2026-01-01T00:00:00Z', 'started', '', 1, NULL, @n = 1,
        '00000001-0000-4000-8000-000000000001', '2026-01-0@nT00:00:00Z'),
       ('@w', '00000001-0000-4000-8000-000000000001', '2026-01-02T00:00:00Z', 'skipped', 'of @w', 1, NULL, false, NULL,
        '2026-01-0@nT00:00:00Z');
INSERT INTO delivery_settings (workspace_id, channel_id, channel_name, covers, version) VALUES ('@w', 'C01', 'of @w', 'all', @n);
INSERT INTO slack_grants (workspace_id, id, state, reason, sealed, sealing_key_id, expires_at, credential_version)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'asked', '', NULL, NULL, NULL, 0),
       ('@w', '00000002-0000-4000-8000-000000000001', 'granted', '', '@w', '@w', '2026-01-0@nT00:00:00Z', @n);
INSERT INTO deliveries (workspace_id, id, run_id, kind, report_id, channel_id, channel_name, state, reason, grant_id, asked_at, fence, lease_until, ended_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', 'failure', NULL, 'C01', 'of @w', 'ready', '',
        '00000001-0000-4000-8000-000000000001', NULL, 1, '2026-01-01T00:00:00Z', NULL),
       ('@w', '00000002-0000-4000-8000-000000000001', '00000003-0000-4000-8000-000000000001', 'report', '00000001-0000-4000-8000-000000000001',
        'C01', 'of @w', 'failed', 'of @w',
        '00000002-0000-4000-8000-000000000001', '2026-01-01T00:00:00Z', @n, '2026-01-01T00:00:00Z', '2026-01-0@nT00:00:00Z');
INSERT INTO channel_lists (workspace_id, state, reason, grant_id, truncated, attempts, fence, lease_until, listed_at)
VALUES ('@w', 'ready', '', '00000001-0000-4000-8000-000000000001', @n = 1, @n, 1, '2026-01-01T00:00:00Z', '2026-01-0@nT00:00:00Z');
INSERT INTO slack_channels (workspace_id, id, name, joined) VALUES ('@w', 'C01', 'of @w', @n = 1);
INSERT INTO page_notices (workspace_id, id, recipient, kind, run_id)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '@w', 'report', '00000001-0000-4000-8000-000000000001');
INSERT INTO report_tombstones (workspace_id, report_id, run_id, fetch_ids, barrier, rows, objects)
VALUES ('@w', '00000009-0000-4000-8000-000000000001', '00000009-0000-4000-8000-000000000001',
        ARRAY['00000009-0000-4000-8000-000000000001'::uuid], NULL, '{"reports": @n}', @n);
INSERT INTO person_runs (workspace_id, erasure_id, run_id)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000009-0000-4000-8000-000000000001');
INSERT INTO erased_calls (workspace_id, call_id) VALUES ('@w', 'erased @n');
INSERT INTO report_erasures (workspace_id, report_id, erasure_id, told, asked_attempt, answered_attempt, next_at)
VALUES ('@w', '00000009-0000-4000-8000-000000000001', '00000001-0000-4000-8000-000000000001', NULL, @n, 0, '2026-01-01T00:00:00Z');
