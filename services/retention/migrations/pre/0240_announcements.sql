-- depends: 0192_erasing
-- Which new sub-processors each workspace was told of beyond the banner: analysis posts it to Slack.
SET lock_timeout = '3s';

CREATE TABLE sub_processor_announcements (
    workspace_id text NOT NULL,
    -- Its name in the register, and the day on which it was listed: listed anew, it is told of anew.
    recipient text NOT NULL,
    listed_on date NOT NULL,
    announced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, recipient, listed_on)
);

ALTER TABLE sub_processor_announcements ENABLE ROW LEVEL SECURITY;
ALTER TABLE sub_processor_announcements FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON sub_processor_announcements TO retention_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
-- Never changed, and removed with the workspace only: it is the record of who was told.
CREATE POLICY erasing ON sub_processor_announcements AS RESTRICTIVE FOR DELETE TO retention_app
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')));
GRANT SELECT, INSERT, DELETE ON sub_processor_announcements TO retention_app;

-- The worker looks for workspaces that were not told; each is then told in its own.
CREATE POLICY sweep ON sub_processor_announcements FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id, recipient, listed_on) ON sub_processor_announcements TO retention_sweep;
CREATE POLICY sweep ON workspaces FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id) ON workspaces TO retention_sweep;

CREATE TRIGGER fence AFTER INSERT ON sub_processor_announcements FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();
