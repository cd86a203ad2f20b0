-- depends: 0020_gong
-- The list of calls that a workspace's last preview has read from Gong, kept for minutes: other filters are tried on it without a request.
SET lock_timeout = '3s';

CREATE TABLE listings (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider IN ('gong')),
    -- All calls of these times that may be read, from inclusive, to exclusive.
    from_time timestamptz NOT NULL,
    to_time timestamptz NOT NULL,
    -- Another credential may see other calls, or another company's.
    credential_version bigint NOT NULL,
    usable_until timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, provider),
    CHECK (from_time < to_time)
);

CREATE TABLE listed_calls (
    workspace_id text NOT NULL,
    provider text NOT NULL,
    call_id text NOT NULL CHECK (call_id <> ''),
    started_at timestamptz NOT NULL,
    -- As in run_calls: compressed; a private call has no row.
    metadata bytea NOT NULL,
    PRIMARY KEY (workspace_id, provider, call_id),
    FOREIGN KEY (workspace_id, provider) REFERENCES listings (workspace_id, provider) ON DELETE CASCADE
) WITH (
    -- Written and deleted whole, a few thousand rows at once.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['listings', 'listed_calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT, UPDATE, DELETE ON listings TO ingest_app;
GRANT SELECT, INSERT, DELETE ON listed_calls TO ingest_app;

-- The sweep forgets what is over in all workspaces; it reads nothing but when.
CREATE POLICY sweep ON listings TO ingest_sweep USING (usable_until <= now()) WITH CHECK (false);
GRANT SELECT (usable_until), DELETE ON listings TO ingest_sweep;
