-- name: workspace_insert
-- Creates the workspace; no row touched when it is known already.
INSERT INTO workspaces (workspace_id, name, slug, source_updated_at)
VALUES (:workspace_id, :name, :slug, :source_updated_at)
ON CONFLICT (workspace_id) DO NOTHING;

-- name: workspace_locked
-- The workspace, locked until the transaction ends.
SELECT name, slug, timezone, mask_personal_data, other_provider_fallback, settings_version, source_updated_at, sequence, created_at
FROM workspaces
WHERE workspace_id = :workspace_id
FOR UPDATE;

-- name: workspace_read
-- The workspace.
SELECT name, slug, timezone, mask_personal_data, other_provider_fallback, settings_version, source_updated_at, sequence, created_at
FROM workspaces
WHERE workspace_id = :workspace_id;

-- name: workspace_update
-- What Clerk says of the workspace now.
UPDATE workspaces
SET name = :name, slug = :slug, source_updated_at = :source_updated_at, sequence = :sequence
WHERE workspace_id = :workspace_id;

-- name: member_read
-- One membership, removed or not. The workspace's row is the lock.
SELECT user_id, email, role, removed, source_updated_at, sequence
FROM members
WHERE workspace_id = :workspace_id AND user_id = :user_id;

-- name: member_save
-- Writes one membership as it is now.
INSERT INTO members (workspace_id, user_id, email, role, removed, source_updated_at, sequence)
VALUES (:workspace_id, :user_id, :email, :role, :removed, :source_updated_at, :sequence)
ON CONFLICT (workspace_id, user_id) DO UPDATE
SET email = excluded.email, role = excluded.role, removed = excluded.removed,
    source_updated_at = excluded.source_updated_at, sequence = excluded.sequence;

-- name: integration_save
-- What the vault says of an integration; an older word than the one known changes nothing.
INSERT INTO integrations AS known (workspace_id, provider, state, credential_version, base_url, account_id, sequence)
VALUES (:workspace_id, :provider, :state, :credential_version, :base_url, :account_id, :sequence)
ON CONFLICT (workspace_id, provider) DO UPDATE
SET state = excluded.state, credential_version = excluded.credential_version, sequence = excluded.sequence,
    base_url = CASE WHEN excluded.base_url = '' THEN known.base_url ELSE excluded.base_url END,
    account_id = CASE WHEN excluded.state = 'needs_reconnect' THEN known.account_id ELSE excluded.account_id END
WHERE known.sequence < excluded.sequence;

-- name: integrations_all
-- The workspace's integrations.
SELECT provider, state, credential_version, base_url, account_id, sequence
FROM integrations
WHERE workspace_id = :workspace_id
ORDER BY provider;
