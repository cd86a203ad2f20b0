-- depends: 0001_projections
-- When a workspace's calls were last listed ahead of a preview, because somebody opened the form for one.
SET lock_timeout = '3s';

CREATE TABLE prepared_lists (
    workspace_id text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id)
);
ALTER TABLE prepared_lists ENABLE ROW LEVEL SECURITY;
ALTER TABLE prepared_lists FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON prepared_lists TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON prepared_lists TO analysis_app;
