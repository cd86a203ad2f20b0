-- depends: 0240_request_allowances
-- What retention asks of the erasure of one person's data, and who is to be forgotten: of what happened until then nothing is kept that
-- arrives late (docs/decisions/0019).
SET lock_timeout = '3s';

CREATE TABLE person_erasures (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    -- Each attempt is an order of its own; one that comes again, from a retention that was restored, begins anew.
    attempt integer NOT NULL CHECK (attempt > 0),
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    -- Whose data goes; emptied with the answer.
    user_ids text[] NOT NULL,
    -- Every transaction that had not seen the order has a lower number; null until a transaction after the one that set it has looked.
    barrier bigint,
    -- What was erased so far: rows by table, versions of objects.
    rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0 CHECK (objects >= 0),
    taken_at timestamptz NOT NULL DEFAULT now(),
    -- When it is to be carried on; null once it is answered.
    next_at timestamptz DEFAULT now(),
    answered_at timestamptz,
    PRIMARY KEY (workspace_id, erasure_id, attempt),
    CHECK ((answered_at IS NULL) = (next_at IS NOT NULL)),
    CHECK (answered_at IS NULL OR user_ids = '{}')
);
CREATE INDEX person_erasures_due ON person_erasures (next_at) WHERE next_at IS NOT NULL;

-- Who is forgotten, as SHA-256 of the id, which is long and drawn at random. Kept for as long as a broker may deliver what was said before.
CREATE TABLE forgotten_people (
    workspace_id text NOT NULL,
    mark bytea NOT NULL CHECK (octet_length(mark) = 32),
    until timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, mark)
);
CREATE INDEX forgotten_people_age ON forgotten_people (until);

DO $roles$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app text := service || '_app';
    sweep text := service || '_sweep';
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['person_erasures', 'forgotten_people'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO %I
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation, app);
        -- Removed with the workspace only.
        EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO %I
            USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation, app);
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
    END LOOP;
    EXECUTE format('GRANT SELECT, DELETE, INSERT (workspace_id, erasure_id, attempt, asked_at, due_at, user_ids),
        UPDATE (asked_at, due_at, user_ids, barrier, rows, objects, taken_at, next_at, answered_at) ON person_erasures TO %I', app);
    EXECUTE format('GRANT SELECT, DELETE, INSERT (workspace_id, mark, until), UPDATE (until) ON forgotten_people TO %I', app);

    -- The worker looks for what is due over all workspaces; upkeep lets marks go that nothing can come for any more.
    EXECUTE format('CREATE POLICY sweep ON person_erasures FOR SELECT TO %I USING (true)', sweep);
    EXECUTE format('GRANT SELECT (workspace_id, erasure_id, attempt, next_at) ON person_erasures TO %I', sweep);
    EXECUTE format($policy$CREATE POLICY sweep ON forgotten_people TO %I
        USING (until < now() - interval '35 days') WITH CHECK (false)$policy$, sweep);
    EXECUTE format('GRANT SELECT (until), DELETE ON forgotten_people TO %I', sweep);

    -- What may be removed besides an erased workspace's rows: of memberships those of people who are forgotten; of counters and of parked
    -- messages, which do not say whose they are, any while a person is erased in the workspace.
    EXECUTE $policy$ALTER POLICY erasing ON memberships
        USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
            OR EXISTS (SELECT FROM forgotten_people f WHERE f.workspace_id = current_setting('app.workspace_id')
                       AND f.mark = sha256(convert_to(memberships.user_id, 'UTF8'))))$policy$;
    EXECUTE $policy$ALTER POLICY erasing ON request_allowances
        USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
            OR EXISTS (SELECT FROM person_erasures p WHERE p.workspace_id = current_setting('app.workspace_id')
                       AND p.answered_at IS NULL))$policy$;
    EXECUTE $policy$ALTER POLICY erasing ON parked
        USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = parked.workspace_id)
            OR EXISTS (SELECT FROM person_erasures p WHERE p.workspace_id = parked.workspace_id AND p.next_at IS NOT NULL))$policy$;
END
$roles$;
