-- depends: 0010_retention
-- Which admin was shown that a sub-processor is going to be added, and when first.
SET lock_timeout = '3s';

CREATE TABLE sub_processor_notices (
    workspace_id text NOT NULL,
    -- Its name in the register, and the day on which it was listed: listed anew, it is told of anew.
    recipient text NOT NULL,
    listed_on date NOT NULL,
    user_id text NOT NULL,
    shown_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, recipient, listed_on, user_id)
);

ALTER TABLE sub_processor_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE sub_processor_notices FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON sub_processor_notices TO retention_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
-- Neither changed nor removed: it is the record of who was told.
GRANT SELECT, INSERT ON sub_processor_notices TO retention_app;
