-- depends: 0003_memberships
-- API keys as ingest told of them, and requests that are made once however often they are sent. In ingest's own database the first stays
-- empty: ingest asks its own.
SET lock_timeout = '3s';

CREATE TABLE known_api_keys (
    workspace_id text NOT NULL,
    key_id uuid NOT NULL,
    -- SHA-256 of the key; kept of a revoked one, so that its holder can be told so. None where nothing but the revocation was heard.
    digest bytea CHECK (octet_length(digest) = 32),
    revoked boolean NOT NULL,
    scopes text[] NOT NULL,
    role text NOT NULL CHECK (role IN ('member', 'admin')),
    -- Whom it acts for.
    user_id text NOT NULL,
    email text NOT NULL,
    expires_at timestamptz,
    -- Of the message this comes from: an older one that arrives later changes nothing.
    sequence bigint NOT NULL,
    -- When ingest was told last that the key is in use; once in some minutes, never with each request.
    use_noted_at timestamptz,
    PRIMARY KEY (workspace_id, key_id),
    CHECK (revoked OR digest IS NOT NULL AND user_id <> '')
);

CREATE TABLE idempotent_requests (
    workspace_id text NOT NULL,
    -- SHA-256 of who asks, the route, and the Idempotency-Key.
    id bytea NOT NULL CHECK (octet_length(id) = 32),
    -- SHA-256 of path, query and body: the same key with another request is a mistake.
    request bytea NOT NULL CHECK (octet_length(request) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- While nothing is answered: until when the first request counts as under way.
    claimed_until timestamptz NOT NULL,
    -- Rises with each claim, so that who lost one writes nothing.
    fence bigint NOT NULL DEFAULT 1 CHECK (fence > 0),
    status integer CHECK (status BETWEEN 200 AND 299),
    headers jsonb,
    body bytea,
    PRIMARY KEY (workspace_id, id),
    CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
);

CREATE INDEX idempotent_requests_age ON idempotent_requests (created_at);

DO $roles$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app text := service || '_app';
    sweep text := service || '_sweep';
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['known_api_keys', 'idempotent_requests'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO %I
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation, app);
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (digest, revoked, scopes, role, user_id, email, expires_at, sequence, use_noted_at)
        ON known_api_keys TO %I', app);
    EXECUTE format('GRANT SELECT, DELETE, INSERT (workspace_id, id, request, claimed_until),
        UPDATE (request, created_at, claimed_until, fence, status, headers, body) ON idempotent_requests TO %I', app);
    -- Upkeep sees only what is too old to count, and of that only how old it is.
    EXECUTE format($policy$CREATE POLICY sweep ON idempotent_requests TO %I
        USING (created_at < now() - interval '24 hours') WITH CHECK (false)$policy$, sweep);
    EXECUTE format('GRANT SELECT (created_at), DELETE ON idempotent_requests TO %I', sweep);
END
$roles$;
