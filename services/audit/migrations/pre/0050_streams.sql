-- depends: 0031_reading
-- Where a workspace's log is sent, how far it has come, and what the vault has granted to sign it with.
SET lock_timeout = '3s';

CREATE TABLE streams (
    workspace_id text PRIMARY KEY,
    url text NOT NULL CHECK (url LIKE 'https://%'),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'failing')),
    -- The first position that was not delivered. It moves in the transaction that records a delivery, and by nothing else.
    next_index bigint NOT NULL CHECK (next_index >= 0),
    -- Where the batch ends that is being delivered: what is sent again is the same batch under the same id.
    batch_end bigint CHECK (batch_end > next_index),
    -- Rises with each change that an admin makes: who saves says which one was seen.
    version bigint NOT NULL DEFAULT 1,
    -- Failures on end, and since when.
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    failing_since timestamptz,
    -- Not before this is anything sent. These times are the sender's own clock's, not the database's: nothing but a pause hangs on them.
    due_at timestamptz NOT NULL,
    -- There is nothing to sign with yet.
    waiting boolean NOT NULL DEFAULT false,
    -- Whoever has the highest fence may record what became of a delivery.
    fence bigint NOT NULL DEFAULT 0,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    delivered_at timestamptz,
    last_at timestamptz,
    last_status integer NOT NULL DEFAULT 0,
    last_reason text NOT NULL DEFAULT '',
    last_milliseconds integer NOT NULL DEFAULT 0,
    tested_at timestamptz NOT NULL DEFAULT '-infinity',
    CHECK ((attempts = 0) = (failing_since IS NULL)),
    CHECK (state <> 'failing' OR attempts > 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX streams_due ON streams (due_at) WHERE state = 'active';

CREATE TABLE stream_grants (
    workspace_id text PRIMARY KEY,
    -- The grant that the vault was asked for and has not answered.
    asked_id uuid,
    asked_at timestamptz,
    -- Why the last one was denied: a word.
    denied text NOT NULL DEFAULT '',
    -- What it gave last, as it sealed it: opened in the sender's memory only.
    grant_id uuid,
    sealed bytea,
    sealing_key_id text,
    expires_at timestamptz,
    CHECK ((asked_id IS NULL) = (asked_at IS NULL)),
    CHECK ((sealed IS NULL) = (grant_id IS NULL) AND (sealed IS NULL) = (expires_at IS NULL) AND (sealed IS NULL) = (sealing_key_id IS NULL))
) WITH (fillfactor = 50);

ALTER TABLE streams ENABLE ROW LEVEL SECURITY;
ALTER TABLE streams FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON streams TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON streams TO audit_app;
-- The sender looks for what is to be delivered over all workspaces; where it goes it reads in the workspace.
CREATE POLICY sweep ON streams TO audit_sweep USING (true) WITH CHECK (true);
GRANT SELECT (workspace_id, state, next_index, due_at, fence, leased_until), UPDATE (fence, leased_until) ON streams TO audit_sweep;

ALTER TABLE stream_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON stream_grants TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON stream_grants TO audit_app;
