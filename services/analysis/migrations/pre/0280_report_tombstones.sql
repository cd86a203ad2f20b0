-- depends: 0192_erasing 0210_traceparent 0240_export_requests 0242_announcements
-- Reports that are erased, or are about to be, and the fence around each: whatever a transaction adds for one of them, or for its run, is
-- refused in that transaction. It looks AFTER the row was added, as the fence around workspaces does (docs/decisions/0014).
SET lock_timeout = '3s';

CREATE TABLE report_tombstones (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    run_id uuid NOT NULL,
    -- Under these its calls were asked for: what is still answered to them comes to nothing.
    fetch_ids uuid[] NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    -- Transactions from this number on have seen the tombstone; null until a transaction after the one that set it has looked.
    barrier bigint,
    -- What was erased so far: rows by table, versions of objects.
    rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0,
    erased_at timestamptz,
    PRIMARY KEY (workspace_id, report_id),
    UNIQUE (workspace_id, run_id)
);
ALTER TABLE report_tombstones ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_tombstones FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON report_tombstones TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT (workspace_id, report_id, run_id, fetch_ids), UPDATE (barrier, rows, objects, erased_at) ON report_tombstones TO analysis_app;

-- The argument names the column that says whose a row is: run_id, report_id, or id for a run itself.
CREATE FUNCTION refuse_erased_report() RETURNS trigger LANGUAGE plpgsql AS $fence$
DECLARE
    found boolean := false;
BEGIN
    IF TG_ARGV[0] = 'run_id' THEN
        found := EXISTS (SELECT FROM public.report_tombstones t WHERE t.workspace_id = NEW.workspace_id AND t.run_id = NEW.run_id);
    ELSIF TG_ARGV[0] = 'report_id' THEN
        found := EXISTS (SELECT FROM public.report_tombstones t WHERE t.workspace_id = NEW.workspace_id AND t.report_id = NEW.report_id);
    ELSE
        found := EXISTS (SELECT FROM public.report_tombstones t WHERE t.workspace_id = NEW.workspace_id AND t.run_id = NEW.id);
    END IF;
    IF found THEN
        RAISE EXCEPTION 'the report is erased' USING ERRCODE = 'CM411';
    END IF;
    RETURN NULL;
END
$fence$;

-- What was metered stays when its call's analysis goes: ids and times, from which a bill can be worked out again. That nothing is metered
-- that was not analysed, in the same workspace, is looked at when it is added instead.
CREATE FUNCTION refuse_not_analysed() RETURNS trigger LANGUAGE plpgsql AS $metered$
BEGIN
    IF NOT EXISTS (SELECT FROM public.analyses a
                   WHERE a.workspace_id = NEW.workspace_id AND a.run_id = NEW.run_id AND a.call_id = NEW.call_id) THEN
        RAISE EXCEPTION 'what was not analysed cannot be metered' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$metered$;
CREATE TRIGGER analysed AFTER INSERT ON usage FOR EACH ROW EXECUTE FUNCTION refuse_not_analysed();
ALTER TABLE usage DROP CONSTRAINT usage_workspace_id_run_id_call_id_fkey;

DO $fence$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM (VALUES
        ('report_findings', 'report_id'), ('quotes', 'run_id'), ('findings', 'run_id'), ('analyses', 'run_id'), ('model_requests', 'run_id'),
        ('run_calls', 'run_id'), ('syntheses', 'run_id'), ('schedule_firings', 'run_id'), ('page_notices', 'run_id'), ('deliveries', 'run_id'),
        ('export_files', 'report_id'), ('report_exports', 'report_id'), ('report_dates', 'report_id'), ('reports', 'run_id'), ('runs', 'id')
    ) AS told (relation, named_by) LOOP
        EXECUTE format('CREATE TRIGGER fence_report AFTER INSERT ON %I FOR EACH ROW EXECUTE FUNCTION refuse_erased_report(%L)',
            one.relation, one.named_by);
        -- Removed are rows of an erased workspace, as before, and rows of an erased report: nothing else.
        IF EXISTS (SELECT FROM pg_policy WHERE polname = 'erasing' AND polrelid = one.relation::regclass) THEN
            EXECUTE format($policy$ALTER POLICY erasing ON %1$I
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
                    OR EXISTS (SELECT FROM report_tombstones r WHERE r.workspace_id = current_setting('app.workspace_id')
                               AND r.%3$I = %1$I.%2$I))$policy$,
                one.relation, one.named_by, CASE one.named_by WHEN 'report_id' THEN 'report_id' ELSE 'run_id' END);
        END IF;
    END LOOP;
END
$fence$;
