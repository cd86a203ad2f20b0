-- depends: 0290_report_erasures 0280_forgotten_people
-- Calls in which somebody took part whose data is erased: they never come into a run again. And the runs that had read one, which go whole,
-- with their reports, behind the fence around reports (0280).
SET lock_timeout = '3s';

CREATE TABLE erased_calls (
    workspace_id text NOT NULL,
    call_id text NOT NULL CHECK (call_id <> ''),
    PRIMARY KEY (workspace_id, call_id)
);

-- Which runs an erasure has taken, so that each of its attempts looks at all of them again: their rows go first of all.
CREATE TABLE person_runs (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    run_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, erasure_id, run_id),
    CONSTRAINT person_runs_of FOREIGN KEY (workspace_id, run_id) REFERENCES report_tombstones (workspace_id, run_id)
);

-- It looks AFTER the row was added, as every fence does. Whoever meets it has not seen the call's erasure, which was committed meanwhile:
-- the message is tried again, and then the call is left out of its run, which goes on without it.
CREATE FUNCTION refuse_erased_call() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF EXISTS (SELECT FROM public.erased_calls e WHERE e.workspace_id = NEW.workspace_id AND e.call_id = NEW.call_id) THEN
        RAISE EXCEPTION 'the call is erased' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$fence$;
CREATE TRIGGER fence_call AFTER INSERT ON run_calls FOR EACH ROW EXECUTE FUNCTION refuse_erased_call();

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['erased_calls', 'person_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO analysis_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
        -- Removed with the workspace only.
        EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO analysis_app
            USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO analysis_app', relation);
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
    END LOOP;
END
$fence$;

-- Notices for somebody who is forgotten may go, as those of an erased report may.
ALTER POLICY erasing ON page_notices
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
        OR EXISTS (SELECT FROM report_tombstones r WHERE r.workspace_id = current_setting('app.workspace_id')
                   AND r.run_id = page_notices.run_id)
        OR EXISTS (SELECT FROM forgotten_people f WHERE f.workspace_id = current_setting('app.workspace_id')
                   AND f.mark = sha256(convert_to(page_notices.recipient, 'UTF8'))));
GRANT UPDATE (exported_by) ON report_exports TO analysis_app;
