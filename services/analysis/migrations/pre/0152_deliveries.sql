-- depends: 0150_turns 0142_schedules
-- Finished reports that are posted to Slack, the channels to choose from, and what people are told of on the pages.
SET lock_timeout = '3s';

-- Where finished reports are posted: one row a workspace, none while nobody has chosen.
CREATE TABLE delivery_settings (
    workspace_id text NOT NULL,
    -- NULL: nowhere.
    channel_id text,
    channel_name text NOT NULL DEFAULT '',
    -- Runs that a person asked for as well, or those of schedules only.
    covers text NOT NULL DEFAULT 'all' CHECK (covers IN ('all', 'schedules')),
    -- Rises with each change that an admin makes: who saves says which one was seen.
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id)
);
ALTER TABLE delivery_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON delivery_settings TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON delivery_settings TO analysis_app;

-- A schedule's own choice. Those that there are go by the workspace's, which nobody has made yet.
ALTER TABLE schedules
    ADD COLUMN delivery text NOT NULL DEFAULT 'workspace' CHECK (delivery IN ('workspace', 'channel', 'none')),
    ADD COLUMN channel_id text,
    ADD COLUMN channel_name text NOT NULL DEFAULT '',
    ADD CONSTRAINT schedules_channel CHECK ((delivery = 'channel') = (channel_id IS NOT NULL));

-- What the vault was asked for, and what it gave.
CREATE TABLE slack_grants (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'granted', 'denied', 'over')),
    -- Why it was denied: a word.
    reason text NOT NULL DEFAULT '',
    -- As the vault sealed it: opened in a worker's memory only, wiped when what it was for ends.
    sealed bytea,
    sealing_key_id text,
    expires_at timestamptz,
    credential_version bigint NOT NULL DEFAULT 0,
    asked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, id),
    CHECK ((state = 'granted') = (sealed IS NOT NULL)),
    CHECK ((sealed IS NULL) = (expires_at IS NULL) AND (sealed IS NULL) = (sealing_key_id IS NULL)),
    CHECK ((state = 'denied') = (reason <> ''))
);
ALTER TABLE slack_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE slack_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON slack_grants TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON slack_grants TO analysis_app;

-- One message to a channel: of a run's report, or of a schedule's run that failed.
CREATE TABLE deliveries (
    workspace_id text NOT NULL,
    -- Goes with the message, in its metadata.
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('report', 'failure')),
    report_id uuid,
    channel_id text NOT NULL,
    channel_name text NOT NULL DEFAULT '',
    -- 'unclear': a call was begun, its end never heard of, and the channel could not be read; it is not repeated.
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ready', 'posted', 'unclear', 'skipped', 'failed')),
    -- Why it was skipped, has failed or is unclear: a word.
    reason text NOT NULL DEFAULT '',
    grant_id uuid NOT NULL,
    -- The version of Slack's credential that Slack has refused.
    refused_version bigint,
    -- When Slack was asked to post it, as long as it is not known what came of that.
    asked_at timestamptz,
    -- Slack's id of the message in its channel.
    message_ts text,
    attempts integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    -- In the past: free to be claimed.
    lease_until timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, run_id, kind),
    UNIQUE (workspace_id, grant_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id),
    FOREIGN KEY (workspace_id, report_id) REFERENCES reports (workspace_id, id),
    FOREIGN KEY (workspace_id, grant_id) REFERENCES slack_grants (workspace_id, id),
    CHECK ((kind = 'report') = (report_id IS NOT NULL)),
    CHECK ((state IN ('waiting', 'ready')) = (ended_at IS NULL)),
    CHECK ((state IN ('unclear', 'skipped', 'failed')) = (reason <> '')),
    CHECK ((state = 'posted') = (message_ts IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX deliveries_open ON deliveries (created_at) WHERE state = 'ready';
CREATE INDEX deliveries_latest ON deliveries (workspace_id, created_at);
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON deliveries TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON deliveries TO analysis_app;
-- Workers claim across workspaces; what is posted they read inside the delivery's workspace.
CREATE POLICY sweep ON deliveries TO analysis_sweep USING (true);
GRANT SELECT (workspace_id, id, state, attempts, fence, lease_until, created_at) ON deliveries TO analysis_sweep;
GRANT UPDATE (attempts, fence, lease_until) ON deliveries TO analysis_sweep;

-- Slack is asked for its channels when an admin wants to choose: how that went, one row a workspace.
CREATE TABLE channel_lists (
    workspace_id text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ready', 'listed', 'failed')),
    reason text NOT NULL DEFAULT '',
    grant_id uuid NOT NULL,
    refused_version bigint,
    -- Not all of them fitted.
    truncated boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT now(),
    asked_at timestamptz NOT NULL DEFAULT now(),
    -- When the channels that are there were read.
    listed_at timestamptz,
    PRIMARY KEY (workspace_id),
    FOREIGN KEY (workspace_id, grant_id) REFERENCES slack_grants (workspace_id, id),
    CHECK ((state = 'failed') = (reason <> ''))
);
CREATE INDEX channel_lists_open ON channel_lists (workspace_id, asked_at) WHERE state = 'ready';
ALTER TABLE channel_lists ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_lists FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON channel_lists TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON channel_lists TO analysis_app;
CREATE POLICY sweep ON channel_lists TO analysis_sweep USING (true);
GRANT SELECT (workspace_id, state, attempts, fence, lease_until, asked_at) ON channel_lists TO analysis_sweep;
GRANT UPDATE (attempts, fence, lease_until) ON channel_lists TO analysis_sweep;

CREATE TABLE slack_channels (
    workspace_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    -- Whether Callmine's app is in it: Slack lets it post nowhere else.
    joined boolean NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
ALTER TABLE slack_channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE slack_channels FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON slack_channels TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, DELETE ON slack_channels TO analysis_app;

-- What stands above the pages until somebody dismisses it.
CREATE TABLE page_notices (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    -- Whom it is for: a person's id; '' for the workspace's admins together.
    recipient text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('report', 'failure', 'delivery')),
    run_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    dismissed_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, run_id, kind, recipient),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, id)
);
CREATE INDEX page_notices_open ON page_notices (workspace_id, recipient, created_at) WHERE dismissed_at IS NULL;
ALTER TABLE page_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_notices FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON page_notices TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON page_notices TO analysis_app;
