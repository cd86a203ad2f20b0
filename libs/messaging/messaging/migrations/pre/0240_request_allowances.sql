-- depends: 0190_tombstones
-- How much of its limits a workspace, and each of its API keys, has used up: processes take allowances from here and let requests in by them.
SET lock_timeout = '3s';

CREATE TABLE request_allowances (
    workspace_id text NOT NULL,
    -- Whose limit it is: "workspace", "key <id>", and the same with "costly" before it. A row for each key that was ever used: few, and small.
    subject text NOT NULL CHECK (subject <> ''),
    quota integer NOT NULL CHECK (quota > 0),
    -- Given away in the window that ends at `ends_at`, whether or not it was used there.
    used integer NOT NULL CHECK (used >= 0),
    -- What the last process that asked was given of it.
    granted integer NOT NULL CHECK (granted >= 0),
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, subject)
);

ALTER TABLE request_allowances ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_allowances FORCE ROW LEVEL SECURITY;

DO $roles$
DECLARE
    app text := regexp_replace(current_user, '_owner$', '') || '_app';
BEGIN
    EXECUTE format($policy$CREATE POLICY workspace ON request_allowances TO %I
        USING (workspace_id = current_setting('app.workspace_id'))
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format($policy$CREATE POLICY erasing ON request_allowances AS RESTRICTIVE FOR DELETE TO %I
        USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (quota, used, granted, ends_at), DELETE ON request_allowances TO %I', app);
END
$roles$;

CREATE TRIGGER fence AFTER INSERT ON request_allowances FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();
