-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO workspaces (workspace_id, name, slug, source_updated_at, created_at)
VALUES ('@w', 'of @w', '@w', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
INSERT INTO members (workspace_id, user_id, email, role, removed, source_updated_at, sequence)
VALUES ('@w', 'user_01', '@w@example.com', 'admin', false, '2026-01-01T00:00:00Z', 1);
INSERT INTO webhook_receipts (workspace_id, source, message_id, type) VALUES ('@w', 'clerk', 'message_01', '@w');
INSERT INTO integrations (workspace_id, provider, state, credential_version, base_url, account_id, sequence)
VALUES ('@w', 'gong', 'connected', 1, 'https://@w.example.com', '@w', 1);
INSERT INTO stripe_customers (workspace_id, customer_id) VALUES ('@w', 'customer_01'), ('@w', 'of_@w');
INSERT INTO gong_rules (workspace_id, endpoint, public_key, created_at)
VALUES ('@w', '0000000000000000000000000000000a', 'of @w', '2026-01-01T00:00:00Z');
INSERT INTO noticed_calls (workspace_id, call_id, started_at, noticed_at)
VALUES ('@w', 'call_01', '2026-01-01T00:00:00Z', '2026-01-0@nT00:00:00Z');
INSERT INTO jobs (workspace_id, id, kind, state, filter, max_calls, correlation_id, grant_id, sealed, sealing_key_id, grant_expires_at, fence,
                  lease_expires_at, planned_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'run', 'fetching', '{}', 1, 'of @w', '00000001-0000-4000-8000-000000000001',
        'sealed', 'key', '2027-01-01T00:00:00Z', 1, '2027-01-01T00:00:00Z', '2026-01-01T00:00:00Z'),
       ('@w', '00000002-0000-4000-8000-000000000001', 'run', 'waiting_grant', '{}', 1, 'of @w', '00000002-0000-4000-8000-000000000001',
        NULL, NULL, NULL, 1, NULL, NULL);
INSERT INTO job_grants (workspace_id, job_id, provider, grant_id, asked_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'hubspot', '00000003-0000-4000-8000-000000000001', '2026-01-01T00:00:00Z');
INSERT INTO run_calls (workspace_id, run_id, call_id, position, state, sequence, object_name, sha256, size_bytes)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'call_01', 1, 'chosen', NULL, NULL, NULL, NULL),
       ('@w', '00000001-0000-4000-8000-000000000001', 'call_02', 2, 'stored', 1, '@w', repeat('0', 64), 1),
       ('@w', '00000001-0000-4000-8000-000000000001', 'call_' || '@w', 3, 'chosen', NULL, NULL, NULL, NULL);
INSERT INTO run_pages (workspace_id, run_id, number, cursor, records, total, call_ids, started_ats, durations, metadata, checksums, private_ids, read_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 1, '@w', 1, 1, ARRAY['call_' || '@w'], ARRAY['2026-01-0@nT00:00:00Z'::timestamptz], ARRAY[1],
        ARRAY['@w'::bytea], ARRAY[repeat('0', 64)], ARRAY[]::text[], '2026-01-01T00:00:00Z');
INSERT INTO provider_budgets (workspace_id, provider, spent_until, blocked_until, day_began, day_requests)
VALUES ('@w', 'gong', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 1);
INSERT INTO held_calls (workspace_id, provider, call_id, checksum, object_name, sha256, size_bytes, fetched_at)
VALUES ('@w', 'gong', 'call_01', repeat('0', 64), '@w', repeat('0', 64), 1, '2026-01-01T00:00:00Z');
INSERT INTO listings (workspace_id, provider, from_time, to_time, credential_version, usable_until)
VALUES ('@w', 'gong', '2025-01-01T00:00:00Z', '2027-01-0@nT00:00:00Z', 1, '2100-01-01T00:00:00Z');
INSERT INTO listed_calls (workspace_id, provider, call_id, started_at, metadata)
VALUES ('@w', 'gong', 'call_01', '2026-01-01T00:00:00Z', '@w'), ('@w', 'gong', 'call_' || '@w', '2026-01-02T00:00:00Z', '@w');
INSERT INTO invitations (workspace_id, id, email, role, state, invited_at, expires_at, source_updated_at, sequence)
VALUES ('@w', 'invitation_01', '@w@example.com', 'member', 'pending', '2026-01-01T00:00:00Z', '2099-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 1);
INSERT INTO intents (workspace_id, id, kind, target, wanted, actor_id, actor_email, source, created_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'remove', 'user_02', '', 'user_01', '@w@example.com', 'web', '2026-01-01T00:00:00Z');
INSERT INTO api_keys (workspace_id, id, request_id, digest, name, scopes, role, created_by, created_by_email, created_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '00000002-0000-4000-8000-000000000001', sha256('@w'), '@w', ARRAY['runs:read'], 'member',
        'user_01', '@w@example.com', '2026-01-01T00:00:00Z');
INSERT INTO call_tombstones (workspace_id, provider, call_id, erasure_id, attempt, held_at)
VALUES ('@w', 'gong', 'call_08', '00000001-0000-4000-8000-000000000001', 1, '2026-01-01T00:00:00Z'),
       ('@w', 'gong', 'erased_' || '@w', '00000001-0000-4000-8000-000000000001', NULL, '2026-01-01T00:00:00Z');
INSERT INTO person_searches (workspace_id, erasure_id, attempt, email, stage, source, after_key, barrier, rows, fence, next_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 1, '@w@example.com', 'reading', 'held_calls', '@w', NULL, '{"invitations": @n}', 1,
        '2026-01-0@nT00:00:00Z');
INSERT INTO person_finds (workspace_id, erasure_id, attempt, provider, call_id)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 1, 'gong', 'call_08'),
       ('@w', '00000001-0000-4000-8000-000000000001', 1, 'gong', 'found_' || '@w');
