-- depends: 0200_erasures 0180_staff_reading
-- What retention keeps of a workspace can be removed, by the workspace's own transactions: when it is erased, and for nothing else.
SET lock_timeout = '3s';

GRANT DELETE ON sub_processor_notices, readings, invoices, checkouts, billing_accounts, subscriptions, workspaces TO retention_app;

-- What every service has.
CREATE POLICY own_rows ON outbox FOR SELECT TO retention_app USING (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY own_rows_erased ON outbox FOR DELETE TO retention_app USING (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY own_rows ON parked FOR SELECT TO retention_app USING (workspace_id = current_setting('app.workspace_id'));
CREATE POLICY own_rows_erased ON parked FOR DELETE TO retention_app USING (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT (workspace_id), DELETE ON outbox, parked TO retention_app;
GRANT DELETE ON inbox, idempotent_requests, known_api_keys, known_staff_grants, memberships TO retention_app;
