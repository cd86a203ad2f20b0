-- depends: 0001_projections
-- Previews, runs, their calls, what was found in each call, and what was used up.
--
-- Older than the plan's window means hidden from people. The floor (`app.report_floor`) is set with the scope from the plan projection;
-- previews, finished runs and reports are read under policies that hold it, so a query that forgets it shows nothing too old. A missing
-- floor is an error, never a permission. Unfinished runs are always visible: the workers need them.
SET lock_timeout = '3s';

CREATE TABLE previews (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL DEFAULT 'counting' CHECK (state IN ('counting', 'ready', 'failed')),
    matching_calls integer,
    total_seconds bigint,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CHECK (state <> 'ready' OR (matching_calls IS NOT NULL AND total_seconds IS NOT NULL))
);
ALTER TABLE previews ENABLE ROW LEVEL SECURITY;
ALTER TABLE previews FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON previews TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND created_at >= current_setting('app.report_floor')::timestamptz)
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON previews TO analysis_app;

CREATE TABLE runs (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    requested_by text NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'no_match')),
    call_limit integer,
    calls_expected integer CHECK (calls_expected >= 0),
    calls_matching integer,
    calls_private integer,
    calls_without_transcript integer,
    calls_fetched integer NOT NULL DEFAULT 0,
    calls_analysed integer NOT NULL DEFAULT 0,
    calls_failed integer NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT '',
    report_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, request_id),
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
    CHECK ((state = 'completed') = (report_id IS NOT NULL)),
    CHECK (state <> 'running' OR (started_at IS NOT NULL AND call_limit > 0)),
    CHECK (calls_analysed + calls_failed <= calls_fetched)
);
CREATE INDEX runs_open ON runs (workspace_id, created_at) WHERE finished_at IS NULL;
ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON runs TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND (finished_at IS NULL OR finished_at >= current_setting('app.report_floor')::timestamptz))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON runs TO analysis_app;

-- One row a call of a run; at the same time the queue of calls to be analysed. `lease_until` in the past means free to be claimed.
CREATE TABLE run_calls (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL,
    ordinal integer NOT NULL,
    object_name text NOT NULL,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    started_at timestamptz NOT NULL,
    duration_seconds integer NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'analysing', 'analysed', 'failed', 'skipped')),
    attempts integer NOT NULL DEFAULT 0,
    bad_answers integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT now(),
    title text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    done_at timestamptz,
    PRIMARY KEY (workspace_id, run_id, call_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id),
    CHECK ((state IN ('pending', 'analysing')) = (done_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
-- The lease is not in the index, so that claims and renewals stay heap-only updates. Runs share the workers: all first calls come
-- before all second ones.
CREATE INDEX run_calls_open ON run_calls (ordinal, run_id) WHERE done_at IS NULL;
ALTER TABLE run_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON run_calls TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY sweep ON run_calls TO analysis_sweep USING (true);
GRANT SELECT, INSERT, UPDATE ON run_calls TO analysis_app;
GRANT SELECT (workspace_id, run_id, call_id, ordinal, attempts, bad_answers, fence, lease_until, done_at)
    ON run_calls TO analysis_sweep;
GRANT UPDATE (state, attempts, fence, lease_until) ON run_calls TO analysis_sweep;

CREATE TABLE analyses (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL,
    title text NOT NULL,
    account text NOT NULL,
    rep text NOT NULL,
    segment text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('yes', 'no', 'partly', 'unclear')),
    summary text NOT NULL,
    rep_talk_ms bigint NOT NULL,
    total_talk_ms bigint NOT NULL,
    quotes_dropped integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, run_id, call_id),
    FOREIGN KEY (workspace_id, run_id, call_id) REFERENCES run_calls (workspace_id, run_id, call_id)
);
ALTER TABLE analyses ENABLE ROW LEVEL SECURITY;
ALTER TABLE analyses FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON analyses TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON analyses TO analysis_app;

CREATE TABLE findings (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL,
    ordinal integer NOT NULL,
    theme text NOT NULL,
    claim text NOT NULL,
    sentiment text NOT NULL CHECK (sentiment IN ('positive', 'negative', 'neutral', 'mixed')),
    PRIMARY KEY (workspace_id, run_id, call_id, ordinal),
    FOREIGN KEY (workspace_id, run_id, call_id) REFERENCES analyses (workspace_id, run_id, call_id)
);
ALTER TABLE findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE findings FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON findings TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON findings TO analysis_app;

CREATE TABLE quotes (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL,
    finding integer NOT NULL,
    ordinal integer NOT NULL,
    sentence_id text NOT NULL,
    speaker text NOT NULL,
    affiliation text NOT NULL,
    start_ms bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (workspace_id, run_id, call_id, finding, ordinal),
    FOREIGN KEY (workspace_id, run_id, call_id, finding) REFERENCES findings (workspace_id, run_id, call_id, ordinal)
);
ALTER TABLE quotes ENABLE ROW LEVEL SECURITY;
ALTER TABLE quotes FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON quotes TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON quotes TO analysis_app;

-- One unit an analysed call, written in the transaction that stores the result: a call is never metered twice, nor unmetered.
CREATE TABLE usage (
    workspace_id text NOT NULL,
    run_id uuid NOT NULL,
    call_id text NOT NULL,
    metered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, run_id, call_id),
    FOREIGN KEY (workspace_id, run_id, call_id) REFERENCES analyses (workspace_id, run_id, call_id)
);
CREATE INDEX usage_by_time ON usage (workspace_id, metered_at);
ALTER TABLE usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON usage TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON usage TO analysis_app;
