-- depends: 0005_api_keys
-- Grants of staff access as audit told of them: what a session of somebody of our staff is let in by, statement after statement. In audit's
-- and the vault's own databases it stays empty: nothing there is open to staff.
SET lock_timeout = '3s';

CREATE TABLE known_staff_grants (
    workspace_id text NOT NULL,
    grant_id uuid NOT NULL,
    -- Whom it lets in: a verified address. None where nothing but the end was heard.
    staff text CHECK (staff <> ''),
    granted_at timestamptz,
    expires_at timestamptz,
    -- Over before its time, for good; whatever is heard later changes nothing.
    ended boolean NOT NULL,
    PRIMARY KEY (workspace_id, grant_id),
    CHECK (num_nonnulls(staff, granted_at, expires_at) = 3 OR ended AND num_nonnulls(staff, granted_at, expires_at) = 0),
    -- No grant lasts longer, whoever says so.
    CHECK (expires_at <= granted_at + interval '60 minutes')
);

ALTER TABLE known_staff_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE known_staff_grants FORCE ROW LEVEL SECURITY;

DO $roles$
DECLARE
    app text := regexp_replace(current_user, '_owner$', '') || '_app';
BEGIN
    EXECUTE format($policy$CREATE POLICY workspace ON known_staff_grants TO %I
        USING (workspace_id = current_setting('app.workspace_id'))
        WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (staff, granted_at, expires_at, ended) ON known_staff_grants TO %I', app);
END
$roles$;
