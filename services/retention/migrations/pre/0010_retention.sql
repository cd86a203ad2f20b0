-- depends: 0001_messaging
-- Which plan each workspace is on.
SET lock_timeout = '3s';

CREATE TABLE subscriptions (
    workspace_id text PRIMARY KEY,
    plan text NOT NULL CHECK (plan IN ('trial', 'free', 'starter', 'growth', 'scale')),
    -- Rises with each change; the sequence of the PlanChanged that told of it.
    version bigint NOT NULL CHECK (version > 0),
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspaces (
    workspace_id text PRIMARY KEY,
    name text NOT NULL,
    timezone text NOT NULL,
    sequence bigint NOT NULL
);

ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON subscriptions TO retention_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON subscriptions TO retention_app;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON workspaces TO retention_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON workspaces TO retention_app;
