-- depends: 0001_messaging
-- What proofs and measurements write in place of a service's own tables.
SET lock_timeout = '3s';

-- What a producer does in the transaction that adds an event.
CREATE TABLE facts (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

-- What a consumer does with an event; `times` tells an effect that happened twice.
CREATE TABLE effects (
    workspace_id text NOT NULL,
    event_id uuid NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint NOT NULL,
    times integer NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, event_id)
);

-- Last writer wins: the highest sequence of each aggregate that was heard.
CREATE TABLE states (
    workspace_id text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id, aggregate_id)
);

DO $roles$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['facts', 'effects', 'states'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO %I
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation, service || '_app');
        EXECUTE format('CREATE POLICY sweep ON %I FOR SELECT TO %I USING (true)', relation, service || '_sweep');
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO %I', relation, service || '_app');
        EXECUTE format('GRANT SELECT ON %I TO %I', relation, service || '_sweep');
    END LOOP;
    -- A test's event may have been heard long ago.
    EXECUTE format('GRANT INSERT (received_at) ON inbox TO %I', service || '_app');
END
$roles$;
