-- depends: 0020_renewal
-- The journal of attempts to renew a credential: each is written down before its call is made.
SET lock_timeout = '3s';

CREATE TABLE renewals (
    workspace_id text NOT NULL,
    -- Chosen by whoever attempts it.
    id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot', 'slack')),
    credential_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    -- Rises with each attempt on the credential.
    fence bigint NOT NULL CHECK (fence > 0),
    outcome text NOT NULL CHECK (outcome IN ('started', 'rotated', 'not_spent', 'unknown', 'refused', 'superseded')),
    started_at timestamptz NOT NULL,
    -- Null while it is open: until its end is known, or given up.
    ended_at timestamptz,
    -- While its end is unknown: since when it has been looked at without a gap, and the last time.
    watched_from timestamptz,
    watched_at timestamptz,
    -- When the provider was last asked about its token.
    asked_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT renewals_end CHECK (ended_at IS NOT NULL OR outcome IN ('started', 'unknown')),
    CONSTRAINT renewals_watch CHECK ((watched_from IS NULL) = (watched_at IS NULL))
);
-- At most one attempt on a version is open: the database itself refuses a second one.
CREATE UNIQUE INDEX renewals_open ON renewals (workspace_id, provider, credential_id, version) WHERE ended_at IS NULL;
CREATE INDEX renewals_of_version ON renewals (workspace_id, provider, credential_id, version);

ALTER TABLE renewals ENABLE ROW LEVEL SECURITY;
ALTER TABLE renewals FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON renewals TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE (outcome, ended_at, watched_from, watched_at, asked_at), DELETE ON renewals TO credential_vault_app;

-- The worker looks for what is due over all workspaces; all else it reads in the workspace.
CREATE POLICY sweep_due ON credentials FOR SELECT TO credential_vault_sweep USING (true);
GRANT SELECT (workspace_id, provider, state, refresh_at, leased_until) ON credentials TO credential_vault_sweep;
