-- depends: 0001_messaging
-- The audit log: added to and read, never changed.
SET lock_timeout = '3s';

CREATE TABLE entries (
    workspace_id text NOT NULL,
    -- The id of the event that told of the change: the same event twice is the same entry.
    id uuid NOT NULL,
    type text NOT NULL,
    actor_kind text NOT NULL CHECK (actor_kind IN ('user', 'system', 'staff', 'mcp')),
    actor_id text NOT NULL,
    actor_email text NOT NULL,
    source text NOT NULL CHECK (source IN ('web', 'api', 'mcp', 'webhook', 'schedule', 'system')),
    target_kind text NOT NULL,
    target_id text NOT NULL,
    diff jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CHECK (type IN (
        'integration.connected', 'integration.disconnected', 'member.invited', 'member.added', 'member.removed', 'member.role_changed',
        'billing.plan_changed', 'billing.addon_purchased', 'billing.payment_failed', 'schedule.created', 'schedule.edited',
        'schedule.deleted', 'report.exported', 'workspace.updated'))
);
CREATE INDEX entries_newest ON entries (workspace_id, occurred_at DESC, id DESC);
CREATE INDEX entries_by_type ON entries (workspace_id, type, occurred_at DESC, id DESC);

ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE entries FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON entries TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON entries TO audit_app;
