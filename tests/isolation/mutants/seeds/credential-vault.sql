-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO data_keys (workspace_id, wrapped, key_id) VALUES ('@w', convert_to('@w', 'UTF8'), 1);
INSERT INTO credentials (workspace_id, provider, credential_id, version, state, base_url, access_key, secret, connected_by, connected_at)
VALUES ('@w', 'gong', '00000001-0000-4000-8000-000000000001', 1, 'connected', 'https://@w.example.com', 'key', 'secret', '@w', '2026-01-01T00:00:00Z'),
       ('@w', 'slack', '00000002-0000-4000-8000-000000000001', 1, 'disconnected', 'https://@w.example.com', NULL, NULL, '@w', NULL);
INSERT INTO access_journal (workspace_id, grant_id, provider, credential_version, requester, purpose, subject_id, granted_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'gong', 1, 'ingest', 'fetch', '@w', '2026-01-0@nT00:00:00Z');
INSERT INTO revocations (workspace_id, id, provider, credential_id, version, access_token, refresh_token, reason, state, next_at, outcome)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'hubspot', '00000003-0000-4000-8000-000000000001', 1, 'access', 'refresh', 'disconnected', 'pending', '2026-01-01T00:00:00Z', '@w');
INSERT INTO renewals (workspace_id, id, provider, credential_id, version, fence, outcome, started_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'gong', '00000001-0000-4000-8000-000000000001', 1, 1, 'started', '2026-01-0@nT00:00:00Z');
INSERT INTO erasures (workspace_id, asked_at, deadline_at, next_at)
VALUES ('@w', '2026-01-01T00:00:00Z', '2026-01-0@nT00:00:00Z', '2026-01-01T00:00:00Z');
INSERT INTO oauth_states (workspace_id, digest, id, provider, session_id, user_id, verifier, expires_at)
VALUES ('@w', decode(repeat('0a', 32), 'hex'), '00000005-0000-4000-8000-000000000001', 'hubspot', '@w', '@w', 'verifier', '2026-01-0@nT00:00:00Z');
