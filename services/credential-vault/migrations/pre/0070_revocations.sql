-- depends: 0020_renewal
-- Credentials that were let go and have yet to be ended at their provider, when each credential is looked at again, and erasures under way.
SET lock_timeout = '3s';

-- One row for each version of a credential that is no longer used. The ciphertext stays until the outcome is known, and opens here as it did
-- in its credential: the slot is the same.
CREATE TABLE revocations (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot', 'slack')),
    credential_id uuid NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    access_token bytea,
    refresh_token bytea,
    reason text NOT NULL CHECK (reason IN ('replaced', 'disconnected', 'erased', 'superseded')),
    state text NOT NULL CHECK (state IN ('pending', 'revoked', 'unsupported', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    -- When it is tried again; while somebody tries, when others may.
    next_at timestamptz,
    -- What became of it, in words fit for the page.
    outcome text NOT NULL DEFAULT '',
    let_go_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT revocations_end CHECK ((state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT revocations_due CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CONSTRAINT revocations_held CHECK ((state = 'pending') = (access_token IS NOT NULL)),
    CONSTRAINT revocations_renewable CHECK (refresh_token IS NULL OR access_token IS NOT NULL)
);
CREATE INDEX revocations_next ON revocations (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX revocations_latest ON revocations (workspace_id, provider, let_go_at DESC);

ALTER TABLE revocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE revocations FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON revocations TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE (state, attempts, next_at, outcome, ended_at, access_token, refresh_token) ON revocations
    TO credential_vault_app;

-- The worker looks for what is due over all workspaces; all else it reads in the workspace.
CREATE POLICY sweep ON revocations FOR SELECT TO credential_vault_sweep USING (true);
GRANT SELECT (workspace_id, id, next_at) ON revocations TO credential_vault_sweep;

-- Each connected credential is looked at once a day: whether its provider still accepts it. Those that are there are looked at first; later
-- ones spread over their first day.
ALTER TABLE credentials
    ADD COLUMN check_at timestamptz NOT NULL DEFAULT '-infinity',
    -- When the provider first refused this version, until it accepts it again.
    ADD COLUMN refused_at timestamptz,
    ADD COLUMN refused_version bigint;
ALTER TABLE credentials ALTER COLUMN check_at SET DEFAULT now() + random() * interval '1 day';
CREATE INDEX credentials_check ON credentials (check_at) WHERE state = 'connected';

CREATE POLICY sweep_checks ON credentials FOR SELECT TO credential_vault_sweep USING (state = 'connected');
GRANT SELECT (workspace_id, provider, state, check_at) ON credentials TO credential_vault_sweep;

-- Workspaces that are being erased: their data key is destroyed once every revocation has its outcome, or at the deadline.
CREATE TABLE erasures (
    workspace_id text PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz NOT NULL,
    -- When it is looked at again; empty once the key is destroyed.
    next_at timestamptz,
    shredded_at timestamptz,
    CONSTRAINT erasures_end CHECK ((shredded_at IS NULL) = (next_at IS NOT NULL))
);
CREATE INDEX erasures_next ON erasures (next_at) WHERE next_at IS NOT NULL;

ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON erasures TO credential_vault_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE (asked_at, deadline_at, next_at, shredded_at) ON erasures TO credential_vault_app;
CREATE POLICY sweep ON erasures FOR SELECT TO credential_vault_sweep USING (true);
GRANT SELECT (workspace_id, next_at) ON erasures TO credential_vault_sweep;
