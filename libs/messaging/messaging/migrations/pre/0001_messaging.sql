-- The tables that every service has: what it wants to say (outbox), what it has heard (inbox), who may speak (relay_lease), and what a
-- person has to look at (parked). Runs as <database>_owner; the runtime roles are <database>_app and <database>_sweep.
SET lock_timeout = '3s';

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id text NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL CHECK (topic <> ''),
    ordering_key text NOT NULL CHECK (ordering_key <> ''),
    body bytea NOT NULL CHECK (octet_length(body) > 0),
    attributes jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, workspace_id),
    -- A row waits for a time only after an attempt has failed.
    CHECK ((attempts > 0) = (next_attempt_at IS NOT NULL))
) WITH (
    -- Rows live for milliseconds: vacuum by absolute numbers, at once and without pauses, or the head of the queue fills with dead rows.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);

-- Only rows that failed: empty in a healthy system, so that "is this key held back" costs nothing.
CREATE INDEX outbox_held ON outbox (topic, ordering_key) WHERE attempts > 0;

CREATE TABLE inbox (
    workspace_id text NOT NULL,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, consumer, event_id)
);

CREATE TABLE relay_lease (
    name text PRIMARY KEY CHECK (name <> ''),
    holder text CHECK (holder <> ''),
    fence bigint NOT NULL CHECK (fence > 0),
    expires_at timestamptz,
    -- Held by somebody until some time, or by nobody.
    CHECK ((holder IS NULL) = (expires_at IS NULL))
);

CREATE TABLE parked (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    -- Unknown for a message that could not be read.
    workspace_id text,
    -- The subscription it came by, or the topic it could not be published to.
    source text NOT NULL CHECK (source <> ''),
    -- The event's id, or the broker's id of a message that could not be read.
    event_id text NOT NULL CHECK (event_id <> ''),
    type text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    body bytea NOT NULL,
    attributes jsonb NOT NULL,
    ordering_key text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'replayed', 'dropped')),
    -- What has been dropped is gone.
    CHECK (state <> 'dropped' OR octet_length(body) = 0),
    CHECK (direction = 'in' OR workspace_id IS NOT NULL),
    UNIQUE NULLS NOT DISTINCT (workspace_id, direction, source, event_id)
);

CREATE INDEX parked_waiting ON parked (id) WHERE state = 'parked';

DO $roles$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app text := service || '_app';
    sweep text := service || '_sweep';
    relation text;
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'migrations run as <database>_owner, not as %', current_user;
    END IF;
    FOREACH relation IN ARRAY ARRAY['outbox', 'inbox', 'relay_lease', 'parked'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY sweep ON %I TO %I USING (true) WITH CHECK (true)', relation, sweep);
    END LOOP;

    -- The application writes to the outbox and never reads it back.
    EXECUTE format($policy$CREATE POLICY workspace ON outbox FOR INSERT TO %I
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format('GRANT INSERT (workspace_id, event_id, topic, ordering_key, body, attributes) ON outbox TO %I', app);

    EXECUTE format($policy$CREATE POLICY workspace ON inbox TO %I
        USING (workspace_id = current_setting('app.workspace_id'))
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format('GRANT SELECT, INSERT (workspace_id, consumer, event_id) ON inbox TO %I', app);

    EXECUTE format('GRANT SELECT, DELETE, UPDATE (attempts, next_attempt_at),
        INSERT (workspace_id, event_id, topic, ordering_key, body, attributes) ON outbox TO %I', sweep);
    EXECUTE format('GRANT SELECT, DELETE ON inbox TO %I', sweep);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (holder, fence, expires_at) ON relay_lease TO %I', sweep);
    EXECUTE format('GRANT SELECT, INSERT (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key),
        UPDATE (reason, body, parked_at, state) ON parked TO %I', sweep);
END
$roles$;
