-- depends: 0003_reports
-- Months by the billing anchor, bought calls, and what each analysed call was paid with.
SET lock_timeout = '3s';

ALTER TABLE plans ADD COLUMN billing_anchor timestamptz;

-- One row a month of a workspace, from its first analysed call on. The row's lock puts a workspace's calls in order: which of them the
-- plan pays for, and which one reaches a threshold, is decided under it.
CREATE TABLE usage_months (
    workspace_id text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    by_plan integer NOT NULL DEFAULT 0 CHECK (by_plan >= 0),
    -- Of the call metered last: whether the plan paid for it, and the threshold that it reached, 0 for none.
    last_by_plan boolean NOT NULL DEFAULT false,
    last_reached integer NOT NULL DEFAULT 0,
    -- The highest threshold reached so far, in percent.
    reached integer NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, begins_at),
    CHECK (begins_at < ends_at)
) WITH (fillfactor = 50);
ALTER TABLE usage_months ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_months FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON usage_months TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON usage_months TO analysis_app;

CREATE TABLE addon_purchases (
    workspace_id text NOT NULL,
    purchase_id text NOT NULL CHECK (purchase_id <> ''),
    calls integer NOT NULL CHECK (calls > 0),
    credited_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, purchase_id)
);
ALTER TABLE addon_purchases ENABLE ROW LEVEL SECURITY;
ALTER TABLE addon_purchases FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON addon_purchases TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON addon_purchases TO analysis_app;

CREATE TABLE addon_balances (
    workspace_id text NOT NULL,
    bought bigint NOT NULL CHECK (bought >= 0),
    used bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id),
    CHECK (used BETWEEN 0 AND bought)
) WITH (fillfactor = 50);
ALTER TABLE addon_balances ENABLE ROW LEVEL SECURITY;
ALTER TABLE addon_balances FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON addon_balances TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON addon_balances TO analysis_app;

-- 'nobody': the plan became smaller while the call was analysed; it is not charged.
ALTER TABLE usage ADD COLUMN paid_by text NOT NULL DEFAULT 'plan' CHECK (paid_by IN ('plan', 'addon', 'nobody'));
ALTER TABLE usage ADD COLUMN month_begins_at timestamptz;
