-- depends: 0180_staff_grants 0152_api_keys
-- What somebody of our staff may read while a grant is in force (docs/staff-access.md): states, counts, times, reasons, and who is a member.
-- No call, no filter, no credential: there is no right to these columns.
SET lock_timeout = '3s';

-- The one grant that was entered, while it lets in whoever entered it: by the database's clock, asked anew with each statement.
CREATE POLICY staff ON known_staff_grants FOR SELECT TO ingest_staff
    USING (workspace_id = current_setting('app.workspace_id')
           AND grant_id = current_setting('app.staff_grant')::uuid AND staff = current_setting('app.staff')
           AND NOT ended AND expires_at > clock_timestamp());
GRANT SELECT (workspace_id, grant_id) ON known_staff_grants TO ingest_staff;

DO $staff$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['jobs', 'members', 'integrations'] LOOP
        -- Not correlated, so that it is asked once a statement and not once a row.
        EXECUTE format($policy$CREATE POLICY staff ON %I FOR SELECT TO ingest_staff
            USING (workspace_id = current_setting('app.workspace_id') AND EXISTS (
                SELECT FROM known_staff_grants g WHERE g.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
    END LOOP;
END
$staff$;

GRANT SELECT (workspace_id, id, kind, state, failure, attempts, next_attempt_at, planned_at, calls_matching, calls_private,
    calls_without_transcript, calls_fetched, created_at) ON jobs TO ingest_staff;
GRANT SELECT (workspace_id, user_id, email, role, removed) ON members TO ingest_staff;
GRANT SELECT (workspace_id, provider, state, credential_version) ON integrations TO ingest_staff;
