-- depends: 0180_staff_grants
-- Workspaces that are erased, or are about to be; and the fence: whatever a transaction adds for one of them is refused in that transaction.
-- The fence looks AFTER the statement, when the transaction has its number: so every transaction that looked before the tombstone was there
-- has a lower number than any snapshot taken later, and the eraser can tell when the last of them is over (docs/decisions/0014).
SET lock_timeout = '3s';

CREATE TABLE tombstones (
    workspace_id text PRIMARY KEY,
    erasure_id text NOT NULL CHECK (erasure_id <> ''),
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    -- frozen: nothing new; closed: nor what only ends what was begun; erased: what was there is gone.
    stage text NOT NULL DEFAULT 'frozen' CHECK (stage IN ('frozen', 'closed', 'erased')),
    -- Transactions from this number on have seen the stage; null until a transaction after the one that set it has looked.
    barrier bigint,
    -- Whether it has been told that the workspace is frozen.
    told boolean NOT NULL DEFAULT false,
    -- The verification that was asked for last, and the one that was answered last.
    asked_attempt integer NOT NULL DEFAULT 0 CHECK (asked_attempt >= 0),
    answered_attempt integer NOT NULL DEFAULT 0 CHECK (answered_attempt <= asked_attempt),
    -- Services that have told that they have erased; audit waits for them.
    others text[] NOT NULL DEFAULT '{}',
    -- What was erased so far: rows by table, versions of objects; and how access was ended, by provider.
    rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0,
    providers jsonb NOT NULL DEFAULT '{}',
    -- When it is to be carried on; null while nothing is to be done.
    next_at timestamptz DEFAULT now()
);

CREATE INDEX tombstones_due ON tombstones (next_at) WHERE next_at IS NOT NULL;

-- For tables whose rows are added within a workspace: once for each statement. Stages as arguments: it refuses in these only, for what ends
-- what was begun has to be added while the workspace is frozen.
CREATE FUNCTION refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF EXISTS (
        SELECT FROM public.tombstones t
        WHERE t.workspace_id = current_setting('app.workspace_id', true) AND (TG_NARGS = 0 OR t.stage = ANY (TG_ARGV))) THEN
        RAISE EXCEPTION 'the workspace is erased' USING ERRCODE = 'CM410';
    END IF;
    RETURN NULL;
END
$fence$;

-- The same for each row, whoever adds it and wherever: for messages, which the relay's role moves as well.
CREATE FUNCTION refuse_erased_row() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF EXISTS (SELECT FROM public.tombstones t WHERE t.workspace_id = NEW.workspace_id) THEN
        RAISE EXCEPTION 'the workspace is erased' USING ERRCODE = 'CM410';
    END IF;
    RETURN NULL;
END
$fence$;

ALTER TABLE tombstones ENABLE ROW LEVEL SECURITY;
ALTER TABLE tombstones FORCE ROW LEVEL SECURITY;

DO $roles$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app text := service || '_app';
    sweep text := service || '_sweep';
    relation text;
BEGIN
    EXECUTE format($policy$CREATE POLICY workspace ON tombstones TO %I
        USING (workspace_id = current_setting('app.workspace_id'))
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format('CREATE POLICY sweep ON tombstones FOR SELECT TO %I USING (true)', sweep);
    EXECUTE format('GRANT SELECT, INSERT (workspace_id, erasure_id, asked_at, due_at),
        UPDATE (stage, barrier, told, asked_attempt, answered_attempt, others, rows, objects, providers, next_at) ON tombstones TO %I', app);
    EXECUTE format('GRANT SELECT (workspace_id, next_at) ON tombstones TO %I', sweep);

    FOREACH relation IN ARRAY ARRAY['idempotent_requests', 'known_api_keys', 'known_staff_grants', 'memberships'] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
    END LOOP;
    FOREACH relation IN ARRAY ARRAY['inbox', 'known_api_keys', 'known_staff_grants', 'memberships'] LOOP
        EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO %I
            USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation, app);
        EXECUTE format('GRANT DELETE ON %I TO %I', relation, app);
    END LOOP;
    EXECUTE format($policy$CREATE POLICY erasing ON parked AS RESTRICTIVE FOR DELETE TO %I
        USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = parked.workspace_id))$policy$, sweep);
    EXECUTE format('GRANT DELETE ON parked TO %I', sweep);
END
$roles$;

-- The erasure itself has to be heard and answered.
CREATE TRIGGER fence AFTER INSERT ON inbox FOR EACH ROW
    WHEN (NEW.consumer NOT LIKE '%.erasure' AND NEW.consumer NOT LIKE '%.erasure-receipts') EXECUTE FUNCTION refuse_erased_row();
CREATE TRIGGER fence AFTER INSERT ON outbox FOR EACH ROW
    WHEN (NEW.topic NOT IN ('erasure', 'erasure-receipts')) EXECUTE FUNCTION refuse_erased_row();
CREATE TRIGGER fence AFTER INSERT ON parked FOR EACH ROW EXECUTE FUNCTION refuse_erased_row();
