-- name: tenant_columns
-- Every column of every tenant table, with its type, and its place in the primary key (0: not in it).
-- cross-workspace: reads the catalog only
SELECT c.relname AS relation, a.attname AS name, format_type(a.atttypid, NULL) AS type, NOT a.attnotnull AS nullable,
       a.attgenerated <> '' OR a.attidentity <> '' AS generated, coalesce(array_position(k.conkey, a.attnum), 0) AS place,
       coalesce(cardinality(k.conkey), 0) AS key_size
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id')
ORDER BY c.relname, a.attnum;

-- name: alone_for_a_time
-- Tables in which a workspace has one row at most of a certain kind: no more is made up for it.
-- cross-workspace: reads the catalog only
SELECT c.relname AS relation
FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
WHERE x.indisunique AND x.indpred IS NOT NULL AND x.indnkeyatts = 1 AND x.indkey[0] = a.attnum;

-- name: check_constraints
-- What a made-up row could offend.
-- cross-workspace: reads the catalog only
SELECT conrelid::regclass::text AS relation, conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0;

-- name: parameter_types
-- The types of a prepared statement's parameters, in their order.
-- cross-workspace: reads the session only
SELECT parameter_types::text[] AS types FROM pg_prepared_statements WHERE name = 'planned';

-- name: indexes_by_workspace
-- Indexes whose first column is the workspace: a condition on a later column would read the whole index.
-- cross-workspace: reads the catalog only
SELECT i.indexrelid::regclass::text AS name
FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE a.attname = 'workspace_id';

-- name: partitions
-- Partitions that hold something, with the tables that they are of: an empty one is read from its beginning to its end.
-- cross-workspace: reads the catalog only
SELECT inhrelid::regclass::text AS partition, inhparent::regclass::text AS relation
FROM pg_inherits
JOIN pg_class c ON c.oid = inhrelid
WHERE c.relispartition AND c.relkind = 'r' AND c.reltuples > 0;
