-- depends: 0180_staff_grants 0020_anchor
-- What somebody of our staff may read while a grant is in force (docs/staff-access.md): which plan the workspace is on, and since when.
SET lock_timeout = '3s';

-- The one grant that was entered, while it lets in whoever entered it: by the database's clock, asked anew with each statement.
CREATE POLICY staff ON known_staff_grants FOR SELECT TO retention_staff
    USING (workspace_id = current_setting('app.workspace_id')
           AND grant_id = current_setting('app.staff_grant')::uuid AND staff = current_setting('app.staff')
           AND NOT ended AND expires_at > clock_timestamp());
GRANT SELECT (workspace_id, grant_id) ON known_staff_grants TO retention_staff;

-- Not correlated, so that it is asked once a statement and not once a row.
CREATE POLICY staff ON subscriptions FOR SELECT TO retention_staff
    USING (workspace_id = current_setting('app.workspace_id') AND EXISTS (
        SELECT FROM known_staff_grants g WHERE g.workspace_id = current_setting('app.workspace_id')));
GRANT SELECT (workspace_id, plan, version, changed_at, anchored_at) ON subscriptions TO retention_staff;
