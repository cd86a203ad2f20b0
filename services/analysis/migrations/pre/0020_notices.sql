-- depends: 0003_reports
-- Notices by Slack that an integration needs reconnecting: one for each version of a credential that was lost.
SET lock_timeout = '3s';

CREATE TABLE notices (
    workspace_id text NOT NULL,
    -- Whose credential was lost. That of Slack itself cannot be told by Slack.
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot')),
    credential_version bigint NOT NULL,
    -- Of the message that told it: the notice is due for as long as nothing later is known of the integration.
    sequence bigint NOT NULL,
    -- 'unknown': a call was begun and its end never heard of. Slack cannot be asked, so it is not repeated.
    state text NOT NULL DEFAULT 'waiting_grant'
        CHECK (state IN ('waiting_grant', 'ready', 'sending', 'sent', 'unknown', 'skipped', 'failed')),
    -- Why it was skipped or has failed: a word.
    reason text NOT NULL DEFAULT '',
    grant_id uuid NOT NULL,
    -- As the vault sealed it: opened in a worker's memory only, wiped when the notice ends.
    sealed bytea,
    sealing_key_id text,
    grant_expires_at timestamptz,
    -- The version of Slack's credential that was granted, and the one that Slack has refused.
    granted_version bigint NOT NULL DEFAULT 0,
    refused_version bigint,
    attempts integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    -- In the past: free to be claimed.
    lease_until timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, provider, credential_version),
    UNIQUE (workspace_id, grant_id),
    CHECK ((state IN ('ready', 'sending')) = (sealed IS NOT NULL)),
    CHECK ((sealed IS NULL) = (grant_expires_at IS NULL) AND (sealed IS NULL) = (sealing_key_id IS NULL)),
    CHECK ((state IN ('waiting_grant', 'ready', 'sending')) = (ended_at IS NULL)),
    CHECK ((state IN ('skipped', 'failed')) = (reason <> ''))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX notices_open ON notices (created_at) WHERE state IN ('ready', 'sending');
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE notices FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON notices TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON notices TO analysis_app;

-- Workers claim across workspaces; what a notice is about, and its sealed grant, they read inside its workspace.
CREATE POLICY sweep ON notices TO analysis_sweep USING (true);
GRANT SELECT (workspace_id, provider, credential_version, state, attempts, fence, lease_until, created_at) ON notices TO analysis_sweep;
GRANT UPDATE (attempts, fence, lease_until) ON notices TO analysis_sweep;
