-- Every service's own: an event to publish, one that was heard, one that was parked. @w is the workspace, @n its number.
INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', 'topic', 'key', convert_to('@w', 'UTF8'), '{}');
INSERT INTO inbox (workspace_id, consumer, event_id) VALUES ('@w', 'consumer', '00000001-0000-4000-8000-000000000001');
INSERT INTO parked (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key)
VALUES ('in', '@w', 'source', '00000001-0000-4000-8000-000000000001', 'type', 'of @w', 'body', '{}', 'key');
INSERT INTO memberships (workspace_id, user_id, present, role, sequence) VALUES ('@w', 'user_01', true, 'admin', 1);
INSERT INTO known_api_keys (workspace_id, key_id, digest, revoked, scopes, role, user_id, email, sequence)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', sha256('@w'), false, ARRAY['runs:read'], 'member', 'user_01', '@w@example.com', 1);
INSERT INTO idempotent_requests (workspace_id, id, request, claimed_until, status, headers, body)
VALUES ('@w', sha256('request'), sha256('@w'), '2026-01-01T00:00:00Z', 202, '{}', convert_to('@w', 'UTF8'));
INSERT INTO known_staff_grants (workspace_id, grant_id, staff, granted_at, expires_at, ended)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', '@w@example.com', '2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z', false);
INSERT INTO person_erasures (workspace_id, erasure_id, attempt, asked_at, due_at, user_ids, rows, objects, taken_at, next_at, answered_at)
VALUES ('@w', '00000001-0000-4000-8000-000000000001', @n, '2026-01-01T00:00:00Z', '2026-01-12T00:00:00Z', '{}', '{"memberships": 1}', @n,
    '2026-01-02T00:00:00Z', NULL, '2026-01-02T00:01:00Z');
INSERT INTO forgotten_people (workspace_id, mark, until) VALUES ('@w', sha256('user_02'), '2026-01-02T00:00:00Z');
INSERT INTO request_allowances (workspace_id, subject, quota, used, granted, ends_at)
VALUES ('@w', 'workspace', 1200, @n, 0, '2026-01-01T00:00:00Z');
