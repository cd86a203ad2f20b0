-- depends: 0060_sub_processor_notices
-- Requests to erase a workspace, and what each service has reported of its part.
SET lock_timeout = '3s';

-- The record of a request stays when the workspace is gone. What tells of a person is emptied then.
CREATE TABLE erasures (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken_back', 'erasing', 'verifying', 'completed')),
    by_staff boolean NOT NULL,
    -- The admin, or the one of our staff, and their ticket.
    asked_by text,
    ticket text,
    -- When it reached us; the days count from then, in this zone.
    asked_at timestamptz NOT NULL,
    zone text NOT NULL,
    take_back_until timestamptz NOT NULL,
    -- What we aim at, when staff is told, and what is promised.
    target_at timestamptz NOT NULL,
    alarm_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    taken_back_at timestamptz,
    started_at timestamptz,
    -- Nothing is charged for the workspace any more.
    payments_ended_at timestamptz,
    -- All services had erased their parts.
    erased_at timestamptz,
    -- How often all were asked to look for what is left.
    attempt integer NOT NULL DEFAULT 0,
    completed_at timestamptz,
    alarmed_at timestamptz,
    -- The certificate: a signed statement on one line, and the same in print.
    certificate text,
    certificate_pdf bytea,
    -- When the worker looks at it next; empty when there is nothing more to do.
    next_at timestamptz,
    leased_until timestamptz,
    -- Rises with each claim: what an earlier one has done counts no more.
    fence bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    -- Why the last step could not be made, in words for operators.
    outcome text NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT erasures_taken_back CHECK ((state = 'taken_back') = (taken_back_at IS NOT NULL)),
    CONSTRAINT erasures_started CHECK ((state IN ('asked', 'taken_back')) = (started_at IS NULL)),
    CONSTRAINT erasures_erased CHECK ((state IN ('verifying', 'completed')) = (erased_at IS NOT NULL)),
    CONSTRAINT erasures_payments CHECK (erased_at IS NULL OR payments_ended_at IS NOT NULL),
    CONSTRAINT erasures_completed CHECK ((state = 'completed') = (completed_at IS NOT NULL AND certificate IS NOT NULL AND certificate_pdf IS NOT NULL)),
    CONSTRAINT erasures_nobody CHECK (state <> 'completed' OR (asked_by IS NULL AND ticket IS NULL))
);
-- A workspace is asked about once, unless it was taken back.
CREATE UNIQUE INDEX erasures_one ON erasures (workspace_id) WHERE state <> 'taken_back';
CREATE INDEX erasures_next ON erasures (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE erasure_parts (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    service text NOT NULL CHECK (service IN ('ingest', 'analysis', 'credential-vault', 'audit', 'retention')),
    frozen_at timestamptz,
    erased_at timestamptz,
    -- When nothing was found, in the verification of this number.
    verified_at timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    -- Counts by table.
    erased_rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0 CHECK (objects >= 0),
    left_rows jsonb NOT NULL DEFAULT '{}',
    -- How access to the customer's own systems was ended, by provider.
    providers jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, erasure_id, service),
    CONSTRAINT erasure_parts_of FOREIGN KEY (workspace_id, erasure_id) REFERENCES erasures (workspace_id, id)
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['erasures', 'erasure_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO retention_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

-- Never removed: they prove what was done.
GRANT SELECT, INSERT, UPDATE ON erasures, erasure_parts TO retention_app;

-- The worker looks for what is due over all workspaces, staff lists all requests, and the trust page counts them.
CREATE POLICY sweep ON erasures FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id, id, state, by_staff, asked_at, take_back_until, alarm_at, deadline, completed_at, alarmed_at, next_at, leased_until,
              outcome) ON erasures TO retention_sweep;
