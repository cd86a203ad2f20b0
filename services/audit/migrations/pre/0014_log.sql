-- depends: 0012_entries_by_month
-- The log by which a workspace can check its entries without trusting us; docs/audit-proof.md says how.
SET lock_timeout = '3s';

-- What salts are derived from, for each person an entry tells of ('' for what is no person's). Deleting a key is what makes the commitments
-- to that person's fields say nothing.
CREATE TABLE log_keys (
    workspace_id text NOT NULL,
    subject text NOT NULL,
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    PRIMARY KEY (workspace_id, subject)
);

-- Entries that have no place in the log yet, written with them: one row for what one transaction added.
CREATE TABLE log_arrivals (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    entries uuid[] NOT NULL CHECK (cardinality(entries) > 0),
    -- 32 bytes for each entry; empty where they are yet to be made.
    leaves bytea NOT NULL CHECK (octet_length(leaves) IN (0, 32 * cardinality(entries))),
    -- That of the keys the leaves were made with; another one than the head's, and they are made anew.
    epoch integer NOT NULL,
    PRIMARY KEY (workspace_id, id)
) WITH (
    -- Rows live for a second: see the outbox.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE log_arrivals ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- The log's state: its size, the roots of the whole subtrees it consists of, largest first, and the signed checkpoint.
CREATE TABLE log_heads (
    workspace_id text NOT NULL PRIMARY KEY,
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    frontier bytea NOT NULL DEFAULT '' CHECK (octet_length(frontier) % 32 = 0),
    checkpoint text NOT NULL DEFAULT '',
    -- How often something was erased.
    epoch integer NOT NULL DEFAULT 0,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The size that the global log holds a checkpoint of.
    anchored_size bigint NOT NULL DEFAULT 0 CHECK (anchored_size <= size),
    CHECK ((size = 0) = (checkpoint = ''))
) WITH (fillfactor = 50);

-- Which entries have the positions from `first_index` on.
CREATE TABLE log_seals (
    workspace_id text NOT NULL,
    first_index bigint NOT NULL CHECK (first_index >= 0),
    entries uuid[] NOT NULL CHECK (cardinality(entries) > 0),
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, first_index)
);
CREATE INDEX log_seals_by_time ON log_seals (workspace_id, sealed_at);

-- Hashes of the tree, 256 to a tile (C2SP tlog-tiles); the last one of each level grows until it is full.
CREATE TABLE log_tiles (
    workspace_id text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (workspace_id, level, number)
);
ALTER TABLE log_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- What was erased, on whose request. Each is itself a leaf of the log, under its id.
CREATE TABLE log_erasures (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    request_id text NOT NULL CHECK (request_id <> ''),
    scope text NOT NULL CHECK (scope IN ('workspace', 'person')),
    -- The first and the last position of each run of entries concerned.
    firsts bigint[] NOT NULL,
    lasts bigint[] NOT NULL CHECK (cardinality(lasts) = cardinality(firsts)),
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, request_id)
);

-- The commitments that stand in an entry for what was erased of it.
CREATE TABLE log_redactions (
    workspace_id text NOT NULL,
    entry_id uuid NOT NULL,
    part text NOT NULL CHECK (part IN ('actor', 'target')),
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
    erasure_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, entry_id, part),
    FOREIGN KEY (workspace_id, erasure_id) REFERENCES log_erasures (workspace_id, id)
);

-- Which checkpoints of the workspace are leaves of the global log. The leaf is a commitment: without `blind` it does not say whose it is.
CREATE TABLE log_anchors (
    workspace_id text NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    checkpoint text NOT NULL,
    blind bytea NOT NULL CHECK (octet_length(blind) = 32),
    global_index bigint NOT NULL CHECK (global_index >= 0),
    PRIMARY KEY (workspace_id, size)
);

-- The global log: public, and of no workspace.
CREATE TABLE global_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    frontier bytea NOT NULL DEFAULT '' CHECK (octet_length(frontier) % 32 = 0),
    checkpoint text NOT NULL DEFAULT '',
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE global_tiles (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, number)
);
ALTER TABLE global_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
INSERT INTO global_head DEFAULT VALUES;

DO $walls$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['log_keys', 'log_arrivals', 'log_heads', 'log_seals', 'log_tiles', 'log_erasures', 'log_redactions',
        'log_anchors'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO audit_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
    -- Sealing and anchoring go through all workspaces; they see hashes and ids, no entry and no key.
    FOREACH relation IN ARRAY ARRAY['log_arrivals', 'log_heads', 'log_seals', 'log_tiles', 'log_anchors'] LOOP
        EXECUTE format('CREATE POLICY sweep ON %I TO audit_sweep USING (true) WITH CHECK (true)', relation);
    END LOOP;
END
$walls$;

GRANT SELECT, INSERT, DELETE ON log_keys TO audit_app;
GRANT SELECT, INSERT, UPDATE (leaves, epoch) ON log_arrivals TO audit_app;
GRANT SELECT, INSERT (workspace_id), UPDATE (epoch) ON log_heads TO audit_app;
GRANT SELECT ON log_seals, log_tiles, log_anchors TO audit_app;
GRANT SELECT, INSERT ON log_erasures, log_redactions TO audit_app;
-- For erasures alone; whatever else these would be used for, the log tells.
GRANT UPDATE (actor_id, actor_email, target_id, diff), DELETE ON entries TO audit_app;

GRANT SELECT, DELETE ON log_arrivals TO audit_sweep;
GRANT SELECT, INSERT (workspace_id), UPDATE (size, frontier, checkpoint, sealed_at, anchored_size) ON log_heads TO audit_sweep;
GRANT INSERT (workspace_id, first_index, entries) ON log_seals TO audit_sweep;
GRANT SELECT, INSERT, UPDATE (hashes) ON log_tiles TO audit_sweep;
GRANT INSERT ON log_anchors TO audit_sweep;
GRANT SELECT, UPDATE (size, frontier, checkpoint, sealed_at) ON global_head TO audit_sweep;
GRANT SELECT, INSERT, UPDATE (hashes) ON global_tiles TO audit_sweep;
