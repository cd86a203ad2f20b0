-- depends: 0001_messaging
-- Data keys, credentials and the journal of their use.
SET lock_timeout = '3s';

-- One data key per workspace, wrapped by the keyset: destroying the row shreds all of the workspace's credentials.
CREATE TABLE data_keys (
    workspace_id text PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE credentials (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot', 'slack')),
    credential_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('new', 'connected', 'disconnected', 'needs_reconnect')),
    base_url text NOT NULL DEFAULT '',
    access_key bytea,
    secret bytea,
    connected_by text NOT NULL DEFAULT '',
    connected_at timestamptz,
    PRIMARY KEY (workspace_id, provider),
    -- Only a connected credential holds ciphertext, and then all of it.
    CHECK ((access_key IS NULL) = (secret IS NULL)),
    CHECK ((state IN ('connected', 'needs_reconnect')) = (access_key IS NOT NULL))
);

-- Written in the transaction that releases the sealed credential: no use without its entry.
CREATE TABLE access_journal (
    workspace_id text NOT NULL,
    grant_id uuid NOT NULL,
    provider text NOT NULL,
    credential_version bigint NOT NULL,
    requester text NOT NULL,
    purpose text NOT NULL,
    subject_id text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, grant_id)
);
CREATE INDEX access_journal_latest ON access_journal (workspace_id, provider, granted_at DESC);

ALTER TABLE data_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON data_keys TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON data_keys TO credential_vault_app;

ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON credentials TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON credentials TO credential_vault_app;

ALTER TABLE access_journal ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_journal FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON access_journal TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
-- Entries are added and read, never changed.
GRANT SELECT, INSERT ON access_journal TO credential_vault_app;
