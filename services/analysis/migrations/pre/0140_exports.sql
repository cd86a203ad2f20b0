-- depends: 0003_reports
-- The files that reports are exported as, and the work of making them.
SET lock_timeout = '3s';

-- A file is made once for a report, a format and a version of what it holds. `report_created_at` is the report's own: a file is hidden
-- with its report, by the same rule.
CREATE TABLE export_files (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    format text NOT NULL CHECK (format IN ('pdf', 'docx', 'json', 'csv')),
    version integer NOT NULL CHECK (version > 0),
    report_created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT now(),
    asked_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    object_name text,
    sha256 text,
    size_bytes bigint,
    PRIMARY KEY (workspace_id, report_id, format, version),
    FOREIGN KEY (workspace_id, report_id) REFERENCES reports (workspace_id, id),
    -- Done with a file or, where it could not be made, without one; never a part of it.
    CHECK (done_at IS NOT NULL OR object_name IS NULL),
    CHECK (num_nulls(object_name, sha256, size_bytes) IN (0, 3))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX export_files_open ON export_files (asked_at) WHERE done_at IS NULL;
ALTER TABLE export_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE export_files FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON export_files TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND report_created_at >= current_setting('app.report_floor')::timestamptz)
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY sweep ON export_files TO analysis_sweep USING (true);
GRANT SELECT, INSERT, UPDATE ON export_files TO analysis_app;
GRANT SELECT ON export_files TO analysis_sweep;
GRANT UPDATE (attempts, fence, lease_until) ON export_files TO analysis_sweep;

-- Which file an export is of; 0 for those that were answered with the document itself.
ALTER TABLE report_exports ADD COLUMN version integer NOT NULL DEFAULT 0;
