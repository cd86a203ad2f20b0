-- depends: 0030_reading
-- The staff-access log: who of our staff asked to look into a workspace and why, who approved it and who ended it, and what was read. It is
-- no part of the audit log, whose fourteen types it is none of. Rows are added; the service has no right to change or remove one.
SET lock_timeout = '3s';

CREATE TABLE staff_grants (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    -- Whom it is to let in: an address that Google has vouched for.
    staff text NOT NULL CHECK (staff <> ''),
    -- The one service that it is to open.
    service text NOT NULL CHECK (service IN ('ingest', 'analysis', 'retention')),
    reason text NOT NULL CHECK (reason IN ('incident', 'support')),
    ticket text NOT NULL CHECK (ticket <> ''),
    minutes integer NOT NULL CHECK (minutes BETWEEN 1 AND 60),
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id),
    -- What a decision refers to: no two decisions are about different people.
    UNIQUE (workspace_id, id, staff)
);

-- A grant opens something once it was approved, and nothing once it was ended.
CREATE TABLE staff_decisions (
    workspace_id text NOT NULL,
    grant_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('approved', 'ended')),
    -- The grant's own, so that the check below can compare.
    staff text NOT NULL,
    decided_by text NOT NULL CHECK (decided_by <> ''),
    -- Whether that is an address of our staff, or the user id of an admin of the workspace.
    by_staff boolean NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, grant_id, kind),
    FOREIGN KEY (workspace_id, grant_id, staff) REFERENCES staff_grants (workspace_id, id, staff),
    -- Nobody approves their own.
    CHECK (kind <> 'approved' OR by_staff AND decided_by <> staff)
);

-- What was read: a row for each step of each statement, as the service told it.
CREATE TABLE staff_reads (
    workspace_id text NOT NULL,
    grant_id uuid NOT NULL,
    statement_id uuid NOT NULL,
    step text NOT NULL CHECK (step IN ('asked', 'shown', 'withheld', 'failed')),
    service text NOT NULL,
    staff text NOT NULL,
    question text NOT NULL CHECK (question <> ''),
    -- What the question reads, in words; never an answer.
    reads text NOT NULL,
    about text NOT NULL,
    rows bigint NOT NULL CHECK (rows >= 0),
    told_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, grant_id, statement_id, step),
    FOREIGN KEY (workspace_id, grant_id) REFERENCES staff_grants (workspace_id, id),
    CHECK (step = 'shown' OR rows = 0)
);

DO $walls$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['staff_grants', 'staff_decisions', 'staff_reads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO audit_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$walls$;

-- Whoever wants the log to say something else has to add to it.
GRANT SELECT, INSERT ON staff_grants, staff_decisions, staff_reads TO audit_app;
