-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO data_keys (workspace_id, wrapped) VALUES ('@w', convert_to('@w', 'UTF8'));
INSERT INTO credentials (workspace_id, provider, credential_id, version, state, base_url, access_key, secret, connected_by, connected_at)
VALUES ('@w', 'gong', '00000001-0000-4000-8000-000000000001', 1, 'connected', 'https://@w.example.com', 'key', 'secret', '@w', '2026-01-01T00:00:00Z'),
       ('@w', 'slack', '00000002-0000-4000-8000-000000000001', 1, 'disconnected', 'https://@w.example.com', NULL, NULL, '@w', NULL);
INSERT INTO access_journal (workspace_id, grant_id, provider, credential_version, requester, purpose, subject_id, granted_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'gong', 1, 'ingest', 'fetch', '@w', '2026-01-0@nT00:00:00Z');
