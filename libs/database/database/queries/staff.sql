-- name: staff_enter
-- Makes the rows of one workspace visible to somebody of our staff for the rest of the transaction, while the grant is in force.
SELECT set_config('app.workspace_id', :workspace_id, true), set_config('app.staff_grant', :grant_id::uuid::text, true),
    set_config('app.staff', :staff, true);

-- name: rights_to_write
-- Tables that the current role could write to, in whole or by a column. No row means that it only reads.
-- cross-workspace: reads the catalog only
SELECT c.relname AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
ORDER BY c.relname;
