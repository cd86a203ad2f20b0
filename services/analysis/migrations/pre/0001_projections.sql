-- depends: 0001_messaging
-- What other services have told: plans, workspaces, integrations; and the plan of a workspace of which nothing has been told yet.
SET lock_timeout = '3s';

CREATE TABLE default_plan (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    plan text NOT NULL,
    window_days integer NOT NULL CHECK (window_days >= 0),
    monthly_calls integer NOT NULL CHECK (monthly_calls >= 0),
    concurrent_runs integer NOT NULL CHECK (concurrent_runs > 0),
    models text[] NOT NULL
);
GRANT SELECT ON default_plan TO analysis_app;
GRANT SELECT, INSERT, UPDATE ON default_plan TO analysis_sweep;

CREATE TABLE plans (
    workspace_id text NOT NULL,
    plan text NOT NULL,
    window_days integer NOT NULL CHECK (window_days >= 0),
    monthly_calls integer NOT NULL CHECK (monthly_calls >= 0),
    concurrent_runs integer NOT NULL CHECK (concurrent_runs > 0),
    models text[] NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id)
);
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE plans FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON plans TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON plans TO analysis_app;

CREATE TABLE workspaces (
    workspace_id text NOT NULL,
    name text NOT NULL,
    timezone text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id)
);
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON workspaces TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON workspaces TO analysis_app;

CREATE TABLE integrations (
    workspace_id text NOT NULL,
    provider text NOT NULL,
    state text NOT NULL CHECK (state IN ('connected', 'disconnected', 'needs_reconnect')),
    reason text NOT NULL DEFAULT '',
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id, provider)
);
ALTER TABLE integrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE integrations FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON integrations TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON integrations TO analysis_app;
