-- name: scope_enter
-- Makes the rows of one workspace visible to the rest of the transaction, and of no other.
SELECT set_config('app.workspace_id', :workspace_id, true);

-- name: scope_set_enter
-- The same as text that begins a transaction: SET is neither planned nor answered with a row, which saves an eighth of a short transaction.
-- It takes no parameters from a client, so the workspace is written into it (see ScopeEntry).
SET LOCAL app.workspace_id = :workspace_id;

-- name: roles_unsafe
-- Why the current role must not serve requests: by itself or through a role that it is a member of (it could SET ROLE to that one) it could
-- see past the row policies. No row means that it is safe. Membership in a harmless role is harmless: Cloud SQL gives its users one.
-- cross-workspace: reads the catalog only
WITH could_be AS (
    SELECT r.oid, r.rolname = current_user AS itself, r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication
    FROM pg_catalog.pg_roles r
    WHERE r.rolname = current_user
       OR (NOT (SELECT s.rolsuper FROM pg_catalog.pg_roles s WHERE s.rolname = current_user) AND pg_has_role(r.oid, 'MEMBER'))
), reasons AS (
    SELECT r.rolname, r.itself, concat_ws(', ',
        CASE WHEN r.rolsuper THEN 'is a superuser' END,
        CASE WHEN r.rolbypassrls THEN 'has BYPASSRLS' END,
        CASE WHEN r.rolcreaterole THEN 'may create roles' END,
        CASE WHEN r.rolcreatedb THEN 'may create databases' END,
        CASE WHEN r.rolreplication THEN 'may replicate' END,
        CASE WHEN starts_with(r.rolname, 'pg_') THEN 'has rights over the whole server' END,
        CASE WHEN has_database_privilege(r.oid, current_database(), 'CREATE') THEN 'may create schemas' END,
        CASE WHEN has_database_privilege(r.oid, current_database(), 'TEMP') THEN 'may create temporary tables' END,
        CASE WHEN EXISTS (
            SELECT FROM pg_catalog.pg_namespace n WHERE has_schema_privilege(r.oid, n.oid, 'CREATE')) THEN 'may create tables' END,
        CASE WHEN EXISTS (
            SELECT FROM pg_catalog.pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm')) THEN 'owns tables' END,
        CASE WHEN EXISTS (
            SELECT FROM pg_catalog.pg_shdepend d
            JOIN pg_catalog.pg_database b ON b.datname = current_database()
            WHERE d.refclassid = 1260 AND d.refobjid = r.oid AND d.deptype = 'o' AND d.dbid IN (0, b.oid)
              AND d.classid <> 1259) THEN 'owns objects' END,
        CASE WHEN r.itself AND current_setting('app.workspace_id', true) <> '' THEN 'starts in a workspace' END) AS reason
    FROM could_be r
)
SELECT current_user::text AS role, CASE WHEN itself THEN reason ELSE concat('is a member of ', rolname, ', which ', reason) END AS reason
FROM reasons
WHERE reason <> ''
ORDER BY itself DESC, rolname;

-- name: tables_unprotected
-- What holds rows of workspaces (it has a workspace_id) and is not protected by row policies, each with the reason. No row means that all is.
-- cross-workspace: reads the catalog only
SELECT c.relname AS name,
       CASE
           WHEN c.relkind = 'm' THEN 'is a materialized view that this role may read'
           WHEN c.relkind = 'f' THEN 'is a foreign table that this role may read'
           WHEN NOT (c.relrowsecurity AND c.relforcerowsecurity) THEN 'has no forced row security'
           ELSE 'may be emptied by this role'
       END AS reason
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND (c.relkind IN ('r', 'p') AND (NOT (c.relrowsecurity AND c.relforcerowsecurity) OR has_table_privilege(c.oid, 'TRUNCATE'))
       OR c.relkind IN ('m', 'f') AND has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY c.relname;

-- name: policies_open
-- Policies under which the current role, or one that it is a member of, would see or write more than the workspace that is entered. Asked of
-- the role that serves requests only: the sweep role's are meant to be open. PostgreSQL prints a condition of several parts with its first
-- part after two brackets only if all parts stand under AND; any other beginning counts as open.
-- cross-workspace: reads the catalog only
SELECT c.relname AS name, p.polname AS policy
FROM pg_catalog.pg_policy p
JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
CROSS JOIN LATERAL (VALUES (pg_get_expr(p.polqual, c.oid)), (pg_get_expr(p.polwithcheck, c.oid))) AS e (condition)
WHERE p.polpermissive
  AND EXISTS (SELECT FROM unnest(p.polroles) AS r (role) WHERE CASE r.role WHEN 0 THEN true ELSE pg_has_role(r.role, 'MEMBER') END)
  AND e.condition <> '(workspace_id = current_setting(''app.workspace_id''::text))'
  AND NOT starts_with(e.condition, '((workspace_id = current_setting(''app.workspace_id''::text)) AND ')
ORDER BY c.relname, p.polname;

-- name: database_ready
-- Answers when the database does.
-- cross-workspace: reads no table
SELECT 1;
