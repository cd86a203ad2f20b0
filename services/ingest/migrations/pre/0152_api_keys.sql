-- depends: 0070_members
-- API keys of a workspace. Nothing here opens anything: the digest is a hash of 256 random bits.
SET lock_timeout = '3s';

CREATE TABLE api_keys (
    workspace_id text NOT NULL REFERENCES workspaces (workspace_id),
    id uuid NOT NULL,
    -- The form or request that asked for it: sent twice, it makes one key.
    request_id uuid NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    name text NOT NULL CHECK (name <> ''),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    role text NOT NULL CHECK (role IN ('member', 'admin')),
    -- Whom it acts for; it ends when that person leaves or is no admin any more.
    created_by text NOT NULL CHECK (created_by <> ''),
    created_by_email text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_at timestamptz,
    -- By any service, as they tell: some minutes late, and some minutes coarse.
    last_used_at timestamptz,
    -- Of the last message about it.
    sequence bigint NOT NULL DEFAULT 1 CHECK (sequence > 0),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, request_id)
);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON api_keys TO ingest_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE (revoked_at, last_used_at, sequence) ON api_keys TO ingest_app;
