-- depends: 0002_runs
-- The summary to be written once all calls are done, and the reports.
SET lock_timeout = '3s';

CREATE TABLE syntheses (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    bad_answers integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT now(),
    queued_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX syntheses_open ON syntheses (queued_at) WHERE done_at IS NULL;
ALTER TABLE syntheses ENABLE ROW LEVEL SECURITY;
ALTER TABLE syntheses FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON syntheses TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY sweep ON syntheses TO analysis_sweep USING (true);
GRANT SELECT, INSERT, UPDATE ON syntheses TO analysis_app;
GRANT SELECT ON syntheses TO analysis_sweep;
GRANT UPDATE (attempts, fence, lease_until) ON syntheses TO analysis_sweep;

-- A report is written once and never changed: the page, the API and the export show this one document.
CREATE TABLE reports (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    headline text NOT NULL,
    document jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id)
);
ALTER TABLE reports ENABLE ROW LEVEL SECURITY;
ALTER TABLE reports FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON reports TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND created_at >= current_setting('app.report_floor')::timestamptz)
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON reports TO analysis_app;

-- When each report was made, and nothing of what it says: lets the list say how many are hidden.
CREATE TABLE report_dates (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, report_id),
    FOREIGN KEY (workspace_id, report_id) REFERENCES reports (workspace_id, id)
);
CREATE INDEX report_dates_by_time ON report_dates (workspace_id, created_at);
ALTER TABLE report_dates ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_dates FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON report_dates TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON report_dates TO analysis_app;

CREATE TABLE report_exports (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    number integer NOT NULL,
    format text NOT NULL,
    exported_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, report_id, number),
    FOREIGN KEY (workspace_id, report_id) REFERENCES reports (workspace_id, id)
);
ALTER TABLE report_exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_exports FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON report_exports TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON report_exports TO analysis_app;
