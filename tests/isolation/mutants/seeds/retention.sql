-- Rows of every table of the service; every workspace has the same ids.
INSERT INTO subscriptions (workspace_id, plan, version, changed_at) VALUES ('@w', 'trial', @n, '2026-01-01T00:00:00Z');
INSERT INTO workspaces (workspace_id, name, timezone, sequence) VALUES ('@w', 'of @w', 'UTC', 1);
