-- depends: 0020_gong 0052_hubspot
-- How a job goes on: at the page of Gong's list where it was, and without a credential of HubSpot's that was refused twice.
SET lock_timeout = '3s';

-- The pages of the list that a run has read, until its calls are chosen.
CREATE TABLE run_pages (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    -- Gong's, for the page behind this one; empty on the last.
    cursor text NOT NULL,
    -- Calls on the page, and in the whole list as Gong counts them: a list that does not end is told by them.
    records integer NOT NULL CHECK (records >= 0),
    total integer NOT NULL CHECK (total >= 0),
    -- The calls of the page that are meant, side by side as in run_calls. Of private ones the id alone, for counting each once.
    call_ids text[] NOT NULL,
    started_ats timestamptz[] NOT NULL,
    durations integer[] NOT NULL,
    metadata bytea[] NOT NULL,
    checksums text[] NOT NULL,
    private_ids text[] NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, run_id, number),
    FOREIGN KEY (workspace_id, run_id) REFERENCES jobs (workspace_id, id)
) WITH (
    -- Written once, deleted within minutes.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500
);

ALTER TABLE run_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_pages FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON run_pages TO ingest_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, DELETE ON run_pages TO ingest_app;

ALTER TABLE jobs
    -- The furthest page of the list that was ever read: only one behind it means that the job has come forward.
    ADD COLUMN pages_read integer NOT NULL DEFAULT 0 CHECK (pages_read >= 0);

ALTER TABLE job_grants
    -- Which version of the credential the provider has refused in this job; refused again, it is not asked for any more.
    ADD COLUMN refused_version bigint;
