-- depends: 0060_listings 0072_upkeep 0074_going_on 0192_erasing 0240_operators 0280_forgotten_people
-- Calls that are erased because of one person who took part in them, and the fence around each: whatever a transaction adds for one of them
-- is refused in that transaction. It looks AFTER the row was added, as the fence around workspaces does (docs/decisions/0014).
SET lock_timeout = '3s';

CREATE TABLE call_tombstones (
    workspace_id text NOT NULL,
    provider text NOT NULL CHECK (provider <> ''),
    call_id text NOT NULL CHECK (call_id <> ''),
    -- Two people may have taken part in one call.
    erasure_id uuid NOT NULL,
    -- The attempt that names it to the other services; null for one that is held, and that a later attempt names.
    attempt integer CHECK (attempt > 0),
    held_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, provider, call_id, erasure_id)
);
CREATE INDEX call_tombstones_erasure ON call_tombstones (workspace_id, erasure_id, provider, call_id);

-- What retention asks of the search for a person, and how far it is. Each attempt is a search of its own.
CREATE TABLE person_searches (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    -- 0 looks only; from 1 what is found is held.
    attempt integer NOT NULL CHECK (attempt >= 0),
    -- Whom it looks for; null once it is answered.
    email text CHECK (email <> ''),
    stage text NOT NULL DEFAULT 'reading' CHECK (stage IN ('reading', 'holding', 'answered')),
    -- What it reads now, and behind which of its rows it goes on.
    source text NOT NULL DEFAULT 'listed_calls' CHECK (source IN ('listed_calls', 'run_pages', 'run_calls', 'held_calls')),
    after_run uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    after_key text NOT NULL DEFAULT '',
    -- Transactions from this number on have seen what is held; null until a transaction after the one that held it has looked.
    barrier bigint,
    -- Rows with the address that it erased and that the erasure has not told of yet, by table.
    rows jsonb NOT NULL DEFAULT '{}',
    fence bigint NOT NULL DEFAULT 0,
    -- When it is to be carried on; null once it is answered.
    next_at timestamptz DEFAULT now(),
    PRIMARY KEY (workspace_id, erasure_id, attempt),
    CHECK ((stage = 'answered') = (email IS NULL)),
    CHECK ((stage = 'answered') = (next_at IS NULL))
);
CREATE INDEX person_searches_due ON person_searches (next_at) WHERE next_at IS NOT NULL;

-- The calls that a search has found so far.
CREATE TABLE person_finds (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    attempt integer NOT NULL,
    provider text NOT NULL CHECK (provider <> ''),
    call_id text NOT NULL CHECK (call_id <> ''),
    PRIMARY KEY (workspace_id, erasure_id, attempt, provider, call_id),
    FOREIGN KEY (workspace_id, erasure_id, attempt) REFERENCES person_searches (workspace_id, erasure_id, attempt)
);

-- Calls of a page that are meant and erased: they are counted, and nothing else is noted of them.
ALTER TABLE run_pages ADD COLUMN erased integer NOT NULL DEFAULT 0;
ALTER TABLE run_pages ADD CONSTRAINT run_pages_erased_check CHECK (erased >= 0) NOT VALID;

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['call_tombstones', 'person_searches', 'person_finds'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
    FOREACH relation IN ARRAY ARRAY['person_searches', 'person_finds'] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
    END LOOP;
END
$rows$;
GRANT SELECT, INSERT (workspace_id, provider, call_id, erasure_id, attempt), UPDATE (attempt) ON call_tombstones TO ingest_app;
GRANT SELECT, DELETE, INSERT (workspace_id, erasure_id, attempt, email),
    UPDATE (email, stage, source, after_run, after_key, barrier, rows, fence, next_at) ON person_searches TO ingest_app;
GRANT SELECT, INSERT, DELETE ON person_finds TO ingest_app;
-- Removed with the workspace only.
CREATE POLICY erasing ON person_searches AS RESTRICTIVE FOR DELETE TO ingest_app
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')));

-- The worker looks for what is due over all workspaces.
CREATE POLICY sweep ON person_searches FOR SELECT TO ingest_sweep USING (true);
GRANT SELECT (workspace_id, erasure_id, attempt, next_at) ON person_searches TO ingest_sweep;

-- For tables of Gong's calls, one a row.
CREATE FUNCTION refuse_gone_call() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF EXISTS (SELECT FROM public.call_tombstones t
               WHERE t.workspace_id = NEW.workspace_id AND t.provider = 'gong' AND t.call_id = NEW.call_id) THEN
        RAISE EXCEPTION 'the call is erased' USING ERRCODE = 'CM412';
    END IF;
    RETURN NULL;
END
$fence$;

-- The same for a page of Gong's calls.
CREATE FUNCTION refuse_gone_calls() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF EXISTS (SELECT FROM public.call_tombstones t
               WHERE t.workspace_id = NEW.workspace_id AND t.provider = 'gong' AND t.call_id = ANY (NEW.call_ids || NEW.private_ids)) THEN
        RAISE EXCEPTION 'a call is erased' USING ERRCODE = 'CM412';
    END IF;
    RETURN NULL;
END
$fence$;

CREATE TRIGGER fence_calls AFTER INSERT ON run_pages FOR EACH ROW EXECUTE FUNCTION refuse_gone_calls();
DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['run_calls', 'listed_calls', 'held_calls', 'noticed_calls'] LOOP
        EXECUTE format('CREATE TRIGGER fence_calls AFTER INSERT ON %I FOR EACH ROW EXECUTE FUNCTION refuse_gone_call()', relation);
        -- Removed are rows of an erased workspace, as before, and rows of an erased call: nothing else. Lists of previews go anyhow.
        IF EXISTS (SELECT FROM pg_policy WHERE polname = 'erasing' AND polrelid = relation::regclass) THEN
            EXECUTE format($policy$ALTER POLICY erasing ON %1$I
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
                    OR EXISTS (SELECT FROM call_tombstones c WHERE c.workspace_id = current_setting('app.workspace_id')
                               AND c.provider = 'gong' AND c.call_id = %1$I.call_id))$policy$, relation);
        END IF;
    END LOOP;
END
$fence$;

-- Who has left, the keys that they made, and invitations go with their data: of those that are forgotten, and of no other.
DO $people$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM (VALUES ('members', 'user_id'), ('api_keys', 'created_by'), ('invitations', 'id')) AS told (relation, named_by) LOOP
        EXECUTE format($policy$ALTER POLICY erasing ON %1$I
            USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
                OR EXISTS (SELECT FROM forgotten_people f WHERE f.workspace_id = current_setting('app.workspace_id')
                           AND f.mark = sha256(convert_to(%1$I.%2$I, 'UTF8'))))$policy$, one.relation, one.named_by);
    END LOOP;
END
$people$;
