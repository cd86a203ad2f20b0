-- depends: 0192_erasing 0202_own_rows 0270_report_erasures 0280_forgotten_people
-- Requests to erase one person's data, and what the services have answered. They have tables of their own, of the same form as those of
-- workspaces: a release that does not know of people takes each row of `erasures` for a workspace.
SET lock_timeout = '3s';

-- The record of a request stays when the workspace is gone. What tells of a person is emptied when the request ends.
CREATE TABLE person_requests (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    -- not_found: nothing was kept. still_member: the person is a member of the workspace. with_workspace: the workspace was erased, and this with it.
    state text NOT NULL DEFAULT 'asked'
        CHECK (state IN ('asked', 'taken_back', 'not_found', 'still_member', 'erasing', 'verifying', 'completed', 'with_workspace')),
    by_staff boolean NOT NULL,
    asked_by text,
    ticket text,
    -- In small letters. Empty where the ledger alone knows of the request: it names nobody.
    email text CHECK (email <> ''),
    -- Who that is or was in the workspace, as far as is known.
    user_ids text[],
    asked_at timestamptz NOT NULL,
    zone text NOT NULL,
    take_back_until timestamptz NOT NULL,
    target_at timestamptz NOT NULL,
    alarm_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    taken_back_at timestamptz,
    started_at timestamptz,
    erased_at timestamptz,
    -- The attempt that is under way: 0 only looks. How far it is: what was found is known, and all services were told of it.
    attempt integer NOT NULL DEFAULT 0,
    found_attempt integer NOT NULL DEFAULT -1,
    told_attempt integer NOT NULL DEFAULT 0,
    -- What this attempt's search has found: calls as [provider, id], which no earlier attempt had; whether the next one has others; and whether
    -- anything was new.
    calls jsonb,
    more boolean NOT NULL DEFAULT false,
    is_new boolean NOT NULL DEFAULT false,
    -- Of the first search that knew: how many calls there are, and rows that carry the address alone.
    calls_found bigint NOT NULL DEFAULT 0 CHECK (calls_found >= 0),
    rows_by_address bigint NOT NULL DEFAULT 0 CHECK (rows_by_address >= 0),
    -- The next attempt is not made before: who was at work when all was erased has lost its claim by then.
    settled_at timestamptz,
    -- SHA-256 of each entry in the ledger, by its attempt.
    ledger jsonb NOT NULL DEFAULT '{}',
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
    CONSTRAINT person_requests_taken_back CHECK ((state = 'taken_back') = (taken_back_at IS NOT NULL)),
    CONSTRAINT person_requests_started CHECK (state NOT IN ('erasing', 'verifying', 'completed') OR started_at IS NOT NULL),
    CONSTRAINT person_requests_erased CHECK (state NOT IN ('verifying', 'completed') OR erased_at IS NOT NULL),
    CONSTRAINT person_requests_ended CHECK ((state IN ('not_found', 'still_member', 'completed', 'with_workspace')) = (completed_at IS NOT NULL)),
    CONSTRAINT person_requests_certified CHECK ((state = 'completed') = (certificate IS NOT NULL AND certificate_pdf IS NOT NULL)),
    CONSTRAINT person_requests_attempts CHECK (found_attempt <= attempt AND told_attempt <= attempt),
    CONSTRAINT person_requests_nobody
        CHECK ((completed_at IS NULL AND taken_back_at IS NULL)
               OR (asked_by IS NULL AND ticket IS NULL AND email IS NULL AND user_ids IS NULL AND calls IS NULL))
);
-- A person is asked about once at a time. Later there may be something new to erase.
CREATE UNIQUE INDEX person_requests_one ON person_requests (workspace_id, email) WHERE state IN ('asked', 'erasing', 'verifying');
CREATE INDEX person_requests_next ON person_requests (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE person_request_parts (
    workspace_id text NOT NULL,
    erasure_id uuid NOT NULL,
    service text NOT NULL CHECK (service IN ('ingest', 'analysis', 'credential-vault', 'audit', 'retention')),
    frozen_at timestamptz,
    -- When it had first erased all that it was told of, and when it found nothing in its last attempt.
    erased_at timestamptz,
    verified_at timestamptz,
    -- The last attempt that it answered. Counts by table, of all attempts, and of the last one.
    attempt integer NOT NULL DEFAULT 0,
    erased_rows jsonb NOT NULL DEFAULT '{}',
    objects bigint NOT NULL DEFAULT 0 CHECK (objects >= 0),
    left_rows jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, erasure_id, service),
    CONSTRAINT person_request_parts_of FOREIGN KEY (workspace_id, erasure_id) REFERENCES person_requests (workspace_id, id)
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['person_requests', 'person_request_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO retention_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

-- Nothing is asked of a person of a workspace that is gone.
CREATE TRIGGER fence AFTER INSERT ON person_requests FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();

-- Never removed: they prove what was done.
GRANT SELECT, INSERT, UPDATE ON person_requests, person_request_parts TO retention_app;

-- The worker looks for what is due over all workspaces, staff lists all requests, and the trust page counts them.
CREATE POLICY sweep ON person_requests FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id, id, state, by_staff, asked_at, take_back_until, alarm_at, deadline, completed_at, alarmed_at, next_at, leased_until,
              outcome) ON person_requests TO retention_sweep;

-- What retention itself keeps of a person who is forgotten: a notice is theirs alone, a purchase is the workspace's and loses its buyer.
ALTER POLICY erasing ON sub_processor_notices
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id'))
           OR EXISTS (SELECT FROM forgotten_people f WHERE f.workspace_id = current_setting('app.workspace_id')
                      AND f.mark = sha256(convert_to(sub_processor_notices.user_id, 'UTF8'))));
GRANT UPDATE (user_id, email) ON checkouts TO retention_app;
