-- depends: 0260_one_eraser
-- The application needs neither to see nor to remove messages itself any more (0202).
SET lock_timeout = '3s';

DROP POLICY own_rows ON outbox;
DROP POLICY own_rows_erased ON outbox;
DROP POLICY own_rows ON parked;
DROP POLICY own_rows_erased ON parked;
REVOKE SELECT (workspace_id), DELETE ON outbox, parked FROM retention_app;
