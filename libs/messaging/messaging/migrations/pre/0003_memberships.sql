-- depends: 0001_messaging
-- Who has left, or what role somebody has, as ingest told it last: what a session token, which lives for a minute, cannot know. Somebody who is
-- not here is as the token says. In ingest's own database it stays empty: ingest asks its own members.
SET lock_timeout = '3s';

CREATE TABLE memberships (
    workspace_id text NOT NULL,
    user_id text NOT NULL CHECK (user_id <> ''),
    present boolean NOT NULL,
    role text NOT NULL CHECK (role IN ('member', 'admin')),
    -- Of the message this comes from: an older one that arrives later changes nothing.
    sequence bigint NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;

DO $roles$
DECLARE
    app text := regexp_replace(current_user, '_owner$', '') || '_app';
BEGIN
    EXECUTE format($policy$CREATE POLICY workspace ON memberships TO %I
        USING (workspace_id = current_setting('app.workspace_id'))
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (present, role, sequence) ON memberships TO %I', app);
END
$roles$;
