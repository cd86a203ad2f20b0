-- depends: 0192_erasing 0200_erasures 0260_one_eraser
-- Requests to erase one report, and what analysis has reported of it. They have tables of their own, of the same form as those of workspaces:
-- a release that does not know of reports takes each row of `erasures` for a workspace.
SET lock_timeout = '3s';

-- The record of a request stays when the workspace is gone. What tells of a person is emptied when the request ends.
CREATE TABLE report_erasures (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    -- not_found: there was no such report. with_workspace: the workspace was erased, and the report with it.
    state text NOT NULL DEFAULT 'asked'
        CHECK (state IN ('asked', 'taken_back', 'not_found', 'erasing', 'verifying', 'completed', 'with_workspace')),
    by_staff boolean NOT NULL,
    asked_by text,
    ticket text,
    asked_at timestamptz NOT NULL,
    zone text NOT NULL,
    take_back_until timestamptz NOT NULL,
    target_at timestamptz NOT NULL,
    alarm_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    taken_back_at timestamptz,
    started_at timestamptz,
    erased_at timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    -- When it ended, in whichever way but by being taken back.
    completed_at timestamptz,
    alarmed_at timestamptz,
    certificate text,
    certificate_pdf bytea,
    next_at timestamptz,
    leased_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    outcome text NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT report_erasures_taken_back CHECK ((state = 'taken_back') = (taken_back_at IS NOT NULL)),
    CONSTRAINT report_erasures_started CHECK (state NOT IN ('erasing', 'verifying', 'completed') OR started_at IS NOT NULL),
    CONSTRAINT report_erasures_erased CHECK (state NOT IN ('verifying', 'completed') OR erased_at IS NOT NULL),
    CONSTRAINT report_erasures_ended CHECK ((state IN ('not_found', 'completed', 'with_workspace')) = (completed_at IS NOT NULL)),
    CONSTRAINT report_erasures_certified CHECK ((state = 'completed') = (certificate IS NOT NULL AND certificate_pdf IS NOT NULL)),
    CONSTRAINT report_erasures_nobody CHECK (completed_at IS NULL OR (asked_by IS NULL AND ticket IS NULL))
);
-- A report is asked about once, unless that was taken back, or found none.
CREATE UNIQUE INDEX report_erasures_one ON report_erasures (workspace_id, report_id) WHERE state IN ('asked', 'erasing', 'verifying', 'completed');
CREATE INDEX report_erasures_next ON report_erasures (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE report_erasure_parts (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    service text NOT NULL CHECK (service IN ('analysis')),
    frozen_at timestamptz,
    erased_at timestamptz,
    verified_at timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    erased_rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0 CHECK (objects >= 0),
    left_rows jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, erasure_id, service),
    CONSTRAINT report_erasure_parts_of FOREIGN KEY (workspace_id, erasure_id) REFERENCES report_erasures (workspace_id, id)
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['report_erasures', 'report_erasure_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO retention_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

-- Nothing is asked of a report of a workspace that is gone.
CREATE TRIGGER fence AFTER INSERT ON report_erasures FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();

-- Never removed: they prove what was done.
GRANT SELECT, INSERT, UPDATE ON report_erasures, report_erasure_parts TO retention_app;

-- The worker looks for what is due over all workspaces, staff lists all requests, and the trust page counts them.
CREATE POLICY sweep ON report_erasures FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id, id, report_id, state, by_staff, asked_at, take_back_until, alarm_at, deadline, completed_at, alarmed_at, next_at,
              leased_until, outcome) ON report_erasures TO retention_sweep;
