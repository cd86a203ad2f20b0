-- name: scope_enter
-- Makes the rows of one workspace visible to the rest of the transaction, and of no other.
SELECT set_config('app.workspace_id', :workspace_id, true);

-- name: roles_unsafe
-- Why the current role must not serve requests: it could see past the row policies. No row means that it is safe.
-- cross-workspace: reads the catalog only
SELECT r.rolname AS role,
       concat_ws(', ',
           CASE WHEN r.rolsuper THEN 'is a superuser' END,
           CASE WHEN r.rolbypassrls THEN 'has BYPASSRLS' END,
           CASE WHEN r.rolcreaterole THEN 'may create roles' END,
           CASE WHEN o.tables > 0 THEN 'owns tables' END,
           CASE WHEN m.roles > 0 THEN 'is a member of a role that could' END) AS reason
FROM pg_catalog.pg_roles r
CROSS JOIN LATERAL (
    SELECT count(*) AS tables FROM pg_catalog.pg_class c
    WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm')) o
CROSS JOIN LATERAL (
    SELECT count(*) AS roles FROM pg_catalog.pg_roles g
    WHERE g.oid <> r.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')
      AND (g.rolsuper OR g.rolbypassrls OR EXISTS (
          SELECT FROM pg_catalog.pg_class c WHERE c.relowner = g.oid AND c.relkind IN ('r', 'p', 'v', 'm')))) m
WHERE r.rolname = current_user
  AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR o.tables > 0 OR m.roles > 0);

-- name: tables_unprotected
-- Tenant tables (they have a workspace_id) without forced row security. No row means that all are protected.
-- cross-workspace: reads the catalog only
SELECT c.relname AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY c.relname;

-- name: database_ready
-- Answers when the database does.
-- cross-workspace: reads no table
SELECT 1;
