-- depends: 0001_ingest
-- Fetching near Gong's limits: one request budget for a workspace's Gong, the metadata of chosen calls until they are settled, transcripts
-- that are not ready, and which calls are held already.
SET lock_timeout = '3s';

CREATE TABLE provider_budgets (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong')),
    -- When the requests granted so far would have been sent had they been spaced evenly: the "theoretical arrival time" of the generic
    -- cell rate algorithm (ITU-T I.371). It may run ahead of the clock by less than one second's worth.
    spent_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The provider has asked not to be asked before.
    blocked_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    day_began timestamptz NOT NULL DEFAULT clock_timestamp(),
    day_requests integer NOT NULL DEFAULT 0 CHECK (day_requests >= 0),
    PRIMARY KEY (workspace_id, provider)
) WITH (
    -- One row a workspace, updated several times a second.
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500
);

CREATE TABLE held_calls (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong')),
    call_id text NOT NULL CHECK (call_id <> ''),
    -- SHA-256 of the call's metadata as it was listed when the object was made.
    checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    object_name text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    -- When the transcript was read: a young one may still be corrected.
    fetched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, provider, call_id)
);

ALTER TABLE jobs
    -- How long the provider may make the run wait at once; 0 means: as long as it likes.
    ADD COLUMN longest_wait_seconds integer NOT NULL DEFAULT 0 CHECK (longest_wait_seconds >= 0);

ALTER TABLE run_calls
    -- The metadata as it was listed, compressed; gone once the call is settled or the run is over.
    ADD COLUMN metadata bytea,
    ADD COLUMN checksum text CHECK (checksum ~ '^[0-9a-f]{64}$'),
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN duration_seconds integer NOT NULL DEFAULT 0 CHECK (duration_seconds >= 0),
    -- How often its transcript was not ready, and when to ask again.
    ADD COLUMN refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    ADD COLUMN not_before timestamptz,
    ADD CONSTRAINT run_calls_metadata CHECK (state = 'chosen' OR metadata IS NULL);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['provider_budgets', 'held_calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT, UPDATE ON provider_budgets, held_calls TO ingest_app;
