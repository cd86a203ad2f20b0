-- depends: 0280_report_tombstones
-- What retention has asked of the erasure of a report, and what it was answered. Retention asks for an admin, or for a mail, a day after
-- the request; who carries it on finds it by when it is due.
SET lock_timeout = '3s';

CREATE TABLE report_erasures (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    -- The request that is answered: the last one that asked.
    erasure_id uuid NOT NULL,
    -- The stage that it was told last; null before the first.
    told text CHECK (told IN ('frozen', 'erased')),
    -- The verification that was asked for last, and the one that was answered last.
    asked_attempt integer NOT NULL DEFAULT 0 CHECK (asked_attempt >= 0),
    answered_attempt integer NOT NULL DEFAULT 0 CHECK (answered_attempt <= asked_attempt),
    -- When it is to be carried on; null while nothing is to be done.
    next_at timestamptz DEFAULT now(),
    PRIMARY KEY (workspace_id, report_id),
    CONSTRAINT report_erasures_of FOREIGN KEY (workspace_id, report_id) REFERENCES report_tombstones (workspace_id, report_id)
);
CREATE INDEX report_erasures_due ON report_erasures (next_at) WHERE next_at IS NOT NULL;

ALTER TABLE report_erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_erasures FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON report_erasures TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
-- Removed with the workspace only.
CREATE POLICY erasing ON report_erasures AS RESTRICTIVE FOR DELETE TO analysis_app
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')));
GRANT SELECT, INSERT, DELETE, UPDATE (erasure_id, told, asked_attempt, answered_attempt, next_at) ON report_erasures TO analysis_app;

-- The worker looks for what is due over all workspaces.
CREATE POLICY sweep ON report_erasures FOR SELECT TO analysis_sweep USING (true);
GRANT SELECT (workspace_id, report_id, next_at) ON report_erasures TO analysis_sweep;

CREATE TRIGGER fence AFTER INSERT ON report_erasures FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();
