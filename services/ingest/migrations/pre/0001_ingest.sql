-- depends: 0001_messaging
-- What ingest owns: workspaces and members as Clerk tells them, webhooks already heard, integrations as the vault tells them, fetch jobs and
-- the calls of each run. Runs as ingest_owner; the runtime roles are ingest_app and ingest_sweep.
SET lock_timeout = '3s';

CREATE TABLE workspaces (
    workspace_id text PRIMARY KEY,
    name text NOT NULL,
    slug text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC' CHECK (timezone <> ''),
    -- Clerk's data.updated_at: an older webhook that arrives later changes nothing.
    source_updated_at timestamptz NOT NULL,
    -- Of the last WorkspaceCreated or WorkspaceUpdated that was published.
    sequence bigint NOT NULL DEFAULT 1 CHECK (sequence > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE members (
    workspace_id text NOT NULL REFERENCES workspaces (workspace_id),
    user_id text NOT NULL CHECK (user_id <> ''),
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('member', 'admin')),
    -- Who left stays as a tombstone, so that a late webhook does not bring them back.
    removed boolean NOT NULL,
    -- Clerk's data.updated_at: the latest one wins, in whatever order they arrive.
    source_updated_at timestamptz NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    PRIMARY KEY (workspace_id, user_id)
);

CREATE TABLE webhook_receipts (
    workspace_id text NOT NULL,
    source text NOT NULL CHECK (source IN ('clerk')),
    message_id text NOT NULL CHECK (message_id <> ''),
    type text NOT NULL CHECK (type <> ''),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, source, message_id)
);

CREATE TABLE integrations (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong', 'hubspot', 'slack')),
    state text NOT NULL CHECK (state IN ('connected', 'disconnected', 'needs_reconnect')),
    credential_version bigint NOT NULL,
    base_url text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id, provider)
);

CREATE TABLE jobs (
    workspace_id text NOT NULL,
    -- The run's or the preview's id.
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('run', 'preview')),
    state text NOT NULL CHECK (state IN ('waiting_grant', 'ready', 'fetching', 'done', 'failed', 'cancelled')),
    filter jsonb NOT NULL,
    max_calls integer NOT NULL CHECK (max_calls >= 0),
    correlation_id text NOT NULL,
    grant_id uuid NOT NULL,
    -- As the vault sealed it: opened in a worker's memory only, wiped when the job ends.
    sealed bytea,
    sealing_key_id text,
    grant_expires_at timestamptz,
    -- Claims since the job last came forward; a job that only ever fails is given up.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    fence bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
    lease_expires_at timestamptz,
    -- Null until the run's calls have been chosen; from then on the choice is fixed.
    planned_at timestamptz,
    calls_matching integer NOT NULL DEFAULT 0 CHECK (calls_matching >= 0),
    calls_private integer NOT NULL DEFAULT 0 CHECK (calls_private >= 0),
    calls_without_transcript integer NOT NULL DEFAULT 0 CHECK (calls_without_transcript >= 0),
    calls_fetched integer NOT NULL DEFAULT 0 CHECK (calls_fetched >= 0),
    -- Of the last message published about the run or preview.
    sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    failure text NOT NULL DEFAULT '',
    -- Analysis has said that the run is over: nobody will ask for its calls again.
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, grant_id),
    CHECK ((state IN ('ready', 'fetching')) = (sealed IS NOT NULL)),
    CHECK ((sealed IS NULL) = (grant_expires_at IS NULL) AND (sealed IS NULL) = (sealing_key_id IS NULL)),
    CHECK ((state = 'fetching') = (lease_expires_at IS NOT NULL)),
    CHECK ((state = 'failed') = (failure <> ''))
) WITH (
    -- Few rows, often updated (leases): leave room on the page, vacuum by absolute numbers.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500
);

-- What a worker looks through; lease columns stay out of it, so that renewing one touches no index.
CREATE INDEX jobs_claimable ON jobs (created_at) WHERE state IN ('ready', 'fetching');

CREATE TABLE run_calls (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL CHECK (call_id <> ''),
    -- The order in which the run's calls are fetched: newest first.
    position integer NOT NULL CHECK (position > 0),
    state text NOT NULL DEFAULT 'chosen' CHECK (state IN ('chosen', 'stored', 'without_transcript', 'private', 'gone')),
    -- Of its CallFetched: this row decides that there is exactly one.
    sequence bigint CHECK (sequence > 0),
    object_name text,
    sha256 text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint CHECK (size_bytes > 0),
    PRIMARY KEY (workspace_id, run_id, call_id),
    UNIQUE (workspace_id, run_id, position),
    UNIQUE (workspace_id, run_id, sequence),
    FOREIGN KEY (workspace_id, run_id) REFERENCES jobs (workspace_id, id),
    CHECK ((state = 'stored') = (num_nonnulls(sequence, object_name, sha256, size_bytes) = 4)),
    CHECK ((state <> 'stored') = (num_nonnulls(sequence, object_name, sha256, size_bytes) = 0))
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['workspaces', 'members', 'webhook_receipts', 'integrations', 'jobs', 'run_calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT, UPDATE ON workspaces, members, integrations, jobs, run_calls TO ingest_app;
GRANT SELECT, INSERT ON webhook_receipts TO ingest_app;

-- Workers claim across workspaces; what a job is about, and its sealed grant, they read inside its workspace.
CREATE POLICY sweep ON jobs TO ingest_sweep USING (true) WITH CHECK (true);
GRANT SELECT (workspace_id, id, kind, state, correlation_id, attempts, next_attempt_at, fence, lease_expires_at, calls_matching,
    calls_fetched, created_at), UPDATE (state, attempts, fence, lease_expires_at) ON jobs TO ingest_sweep;

-- The command line lists workspaces for operators.
CREATE POLICY sweep ON workspaces FOR SELECT TO ingest_sweep USING (true);
GRANT SELECT ON workspaces TO ingest_sweep;
