-- depends: 0001_ingest
-- What admins change here: a workspace's settings, invitations, and what they are about to ask of Clerk.
SET lock_timeout = '3s';

ALTER TABLE workspaces
    ADD COLUMN mask_personal_data boolean NOT NULL DEFAULT true,
    ADD COLUMN other_provider_fallback boolean NOT NULL DEFAULT false,
    -- Of timezone and preferences: who saves says which version they saw, so that nobody undoes a change unseen.
    ADD COLUMN settings_version bigint NOT NULL DEFAULT 1 CHECK (settings_version > 0);

-- A page of the members' list; the ones who left stay out of it.
CREATE INDEX members_listed ON members (workspace_id, role, email, user_id) WHERE NOT removed;

CREATE TABLE invitations (
    workspace_id text NOT NULL REFERENCES workspaces (workspace_id),
    -- Clerk's.
    id text NOT NULL CHECK (id <> ''),
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('member', 'admin')),
    state text NOT NULL CHECK (state IN ('pending', 'accepted', 'revoked')),
    invited_at timestamptz NOT NULL,
    -- Null where Clerk names no end.
    expires_at timestamptz,
    -- Clerk's data.updated_at: the latest one wins, in whatever order they arrive.
    source_updated_at timestamptz NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    PRIMARY KEY (workspace_id, id)
);

CREATE INDEX invitations_pending ON invitations (workspace_id, invited_at) WHERE state = 'pending';

-- What an admin is about to change at Clerk, written before the call. Clerk's webhooks do not say who did it: the one that a call here led to
-- finds its author in this table, also when the process dies between Clerk's answer and its own commit.
CREATE TABLE intents (
    workspace_id text NOT NULL REFERENCES workspaces (workspace_id),
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rename', 'invite', 'revoke', 'change_role', 'remove')),
    -- A user's or an invitation's id, an address, or empty for the workspace; and what it is to become.
    target text NOT NULL,
    wanted text NOT NULL,
    actor_id text NOT NULL CHECK (actor_id <> ''),
    actor_email text NOT NULL,
    source text NOT NULL CHECK (source IN ('web', 'api', 'mcp')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, id)
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['invitations', 'intents'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT, UPDATE ON invitations TO ingest_app;
GRANT SELECT, INSERT, DELETE ON intents TO ingest_app;
