-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO subscriptions (workspace_id, plan, version, changed_at) VALUES ('@w', 'trial', @n, '2026-01-01T00:00:00Z');
INSERT INTO workspaces (workspace_id, name, timezone, sequence) VALUES ('@w', 'of @w', 'UTC', 1);
INSERT INTO sub_processor_notices (workspace_id, recipient, listed_on, user_id, shown_at)
VALUES ('@w', 'of-@w', '2026-01-0@n', 'user_1', '2026-01-0@nT00:00:00Z');
