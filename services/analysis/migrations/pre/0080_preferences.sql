-- depends: 0001_projections
-- What the workspace's admins have chosen, as ingest told it. A sequence of its own: a message without preferences may be the later one.
SET lock_timeout = '3s';

CREATE TABLE preferences (
    workspace_id text NOT NULL,
    mask_personal_data boolean NOT NULL,
    other_provider_fallback boolean NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id)
);
ALTER TABLE preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE preferences FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON preferences TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON preferences TO analysis_app;
