-- depends: 0001_ingest
-- The second, optional grant of a job: for HubSpot, asked for beside Gong's where HubSpot is connected. A job never waits for it for long and
-- never fails with it, so it is kept apart from the one that the job's state depends on.
SET lock_timeout = '3s';

CREATE TABLE job_grants (
    workspace_id text NOT NULL,
    job_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('hubspot')),
    grant_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'held', 'denied')),
    -- Why it was denied, in words fit for the page.
    reason text NOT NULL DEFAULT '',
    -- As the vault sealed it: opened in a worker's memory only; the row goes when the job ends.
    sealed bytea,
    sealing_key_id text,
    expires_at timestamptz,
    credential_version bigint,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, job_id, provider),
    UNIQUE (workspace_id, grant_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES jobs (workspace_id, id),
    CHECK ((state = 'held') = (num_nonnulls(sealed, sealing_key_id, expires_at, credential_version) = 4)),
    CHECK ((state <> 'held') = (num_nonnulls(sealed, sealing_key_id, expires_at, credential_version) = 0)),
    CHECK ((state = 'denied') = (reason <> ''))
);

ALTER TABLE job_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON job_grants TO ingest_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON job_grants TO ingest_app;
