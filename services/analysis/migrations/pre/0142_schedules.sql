-- depends: 0003_reports
-- Schedules, and what became of each of their firings.
SET lock_timeout = '3s';

CREATE TABLE schedules (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'active', 'paused', 'deleted')),
    -- Rises with each change that an admin makes: who saves says which one was seen.
    version bigint NOT NULL DEFAULT 1,
    name text NOT NULL,
    -- Everything of the question but its days, which each firing has for itself.
    request jsonb NOT NULL,
    cap boolean NOT NULL,
    range text NOT NULL CHECK (range IN
        ('last_7_days', 'last_30_days', 'last_90_days', 'previous_week', 'previous_month', 'since_last_firing')),
    cadence text NOT NULL CHECK (cadence IN ('daily', 'weekdays', 'weekly', 'monthly')),
    -- Minutes after midnight, as the zone's clocks show them.
    minute_of_day integer NOT NULL CHECK (minute_of_day BETWEEN 0 AND 1439),
    -- From Monday, 0.
    weekdays integer[] NOT NULL DEFAULT '{}' CHECK (weekdays <@ '{0,1,2,3,4,5,6}'),
    month_day integer CHECK (month_day BETWEEN 1 AND 31),
    -- NULL: the workspace's.
    timezone text,
    -- The first firing that has not taken place; only an active schedule has one.
    next_firing_at timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    -- In the past: free to be claimed.
    lease_until timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CHECK ((state = 'active') = (next_firing_at IS NOT NULL)),
    CHECK ((cadence = 'monthly') = (month_day IS NOT NULL)),
    CHECK (cadence <> 'weekly' OR cardinality(weekdays) = 1),
    CHECK (cadence <> 'weekdays' OR cardinality(weekdays) > 0)
) WITH (fillfactor = 80);
CREATE INDEX schedules_due ON schedules (next_firing_at) WHERE next_firing_at IS NOT NULL;
ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON schedules TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON schedules TO analysis_app;

-- Workers find what is due across workspaces; what a schedule asks they read inside its workspace.
CREATE POLICY sweep ON schedules TO analysis_sweep USING (true);
GRANT SELECT (workspace_id, id, next_firing_at, fence, lease_until) ON schedules TO analysis_sweep;
GRANT UPDATE (fence, lease_until) ON schedules TO analysis_sweep;

-- One row a firing, and one for all firings in a row that were missed: `planned_at` is then the last of them.
CREATE TABLE schedule_firings (
    workspace_id text NOT NULL,
    schedule_id uuid NOT NULL,
    planned_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('started', 'skipped', 'missed')),
    -- Why it was skipped: a word.
    reason text NOT NULL DEFAULT '',
    firings integer NOT NULL DEFAULT 1 CHECK (firings > 0),
    first_planned_at timestamptz,
    by_hand boolean NOT NULL DEFAULT false,
    run_id uuid,
    fired_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, schedule_id, planned_at),
    UNIQUE (workspace_id, run_id),
    FOREIGN KEY (workspace_id, schedule_id) REFERENCES schedules (workspace_id, id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id),
    CHECK ((outcome = 'started') = (run_id IS NOT NULL)),
    CHECK ((outcome = 'skipped') = (reason <> '')),
    CHECK ((outcome = 'missed') = (first_planned_at IS NOT NULL)),
    CHECK (outcome = 'missed' OR firings = 1)
);
ALTER TABLE schedule_firings ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule_firings FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON schedule_firings TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON schedule_firings TO analysis_app;
