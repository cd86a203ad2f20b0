-- depends: 0250_words_moved
-- People whom a workspace's log was asked to forget: what happened before that, and arrives only after it, is sealed without what tells of
-- them.
SET lock_timeout = '3s';

CREATE TABLE log_forgotten (
    workspace_id text NOT NULL,
    -- HMAC-SHA-256 of the person's id under the workspace's own key (log_keys): it tells whether an id is this one, and not which one it is.
    person bytea NOT NULL CHECK (octet_length(person) = 32),
    until timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, person)
);

ALTER TABLE log_forgotten ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_forgotten FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON log_forgotten TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
-- Nobody is remembered again while the workspace is there.
CREATE POLICY erasing ON log_forgotten AS RESTRICTIVE FOR DELETE TO audit_app
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')));
GRANT SELECT, INSERT, UPDATE (until), DELETE ON log_forgotten TO audit_app;

CREATE TRIGGER fence AFTER INSERT ON log_forgotten FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();
