-- depends: 0020_renewal 0070_revocations
-- Consents that were asked for at a provider, until the browser comes back; and tokens that came but were not taken.
SET lock_timeout = '3s';

CREATE TABLE oauth_states (
    workspace_id text NOT NULL,
    -- SHA-256 of the state: whoever reads the table cannot answer for a browser.
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot', 'slack')),
    session_id text NOT NULL,
    user_id text NOT NULL,
    -- The PKCE verifier, encrypted with the workspace's data key: the browser, which brings the code, never has it.
    verifier bytea,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, digest)
);
CREATE INDEX oauth_states_expiry ON oauth_states (workspace_id, expires_at);

ALTER TABLE oauth_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_states FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON oauth_states TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, DELETE ON oauth_states TO credential_vault_app;

-- The worker forgets what is over in all workspaces; it reads nothing but when.
CREATE POLICY sweep ON oauth_states TO credential_vault_sweep USING (expires_at <= now()) WITH CHECK (false);
GRANT SELECT (expires_at), DELETE ON oauth_states TO credential_vault_sweep;

ALTER TABLE revocations DROP CONSTRAINT revocations_reason_check;
ALTER TABLE revocations ADD CONSTRAINT revocations_reason_check
    CHECK (reason IN ('replaced', 'disconnected', 'erased', 'superseded', 'not_taken'));

-- What the page shows as the last use: the vault's own readings are none.
CREATE INDEX access_journal_used ON access_journal (workspace_id, provider, granted_at DESC) WHERE requester <> 'credential-vault';
