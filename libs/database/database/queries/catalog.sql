-- name: catalog_search_path
-- The schemas in which a name without one is looked for, in this order.
-- cross-workspace: reads the catalog only
SELECT s.schema
FROM unnest(current_schemas(true)) WITH ORDINALITY AS s (schema, position)
ORDER BY s.position;

-- name: catalog_relations
-- Tables, views, materialized views and foreign tables with their columns. A text column whose collation takes different texts for equal
-- is not of type text here.
-- cross-workspace: reads the catalog only
SELECT n.nspname::text AS schema, c.relname::text AS name,
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
       CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            THEN pg_catalog.pg_get_viewdef(c.oid) END AS definition,
       EXISTS (
           SELECT FROM pg_catalog.pg_options_to_table(c.reloptions) o
           WHERE o.option_name = 'security_invoker' AND o.option_value::boolean) AS security_invoker,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(CASE WHEN k.collisdeterministic THEN t.typname::text ELSE t.typname::text || ' of a loose collation' END
                 ORDER BY a.attnum) AS types
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'pg_toast'
GROUP BY n.nspname, c.oid, c.relname, c.relkind, c.reloptions;

-- name: catalog_unique_indexes
-- The plain columns of every unique index.
-- cross-workspace: reads the catalog only
SELECT n.nspname::text AS schema, t.relname::text AS "table", i.relname::text AS name,
       array_remove(array_agg(a.attname::text), NULL) AS columns
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (number, position)
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0
WHERE x.indisunique AND k.position <= x.indnkeyatts AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
GROUP BY n.nspname, t.relname, i.relname;

-- name: catalog_functions
-- The functions that PostgreSQL does not bring along.
-- cross-workspace: reads the catalog only
SELECT n.nspname::text AS schema, p.proname::text AS name, l.lanname::text AS language,
       CASE WHEN p.prokind IN ('f', 'p') AND l.lanname IN ('sql', 'plpgsql')
            THEN pg_catalog.pg_get_functiondef(p.oid) ELSE '' END AS definition,
       p.prosecdef AS security_definer,
       EXISTS (
           SELECT FROM unnest(p.proconfig) AS setting
           WHERE setting LIKE 'search_path=%' AND setting NOT LIKE '%$user%') AS fixed_search_path
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema');

-- name: catalog_operators
-- The operators that PostgreSQL does not bring along.
-- cross-workspace: reads the catalog only
SELECT DISTINCT n.nspname::text AS schema, o.oprname::text AS name
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname <> 'pg_catalog';

-- name: catalog_built_in_functions
-- The names of the functions that PostgreSQL brings along. Its own objects have the numbers below 16384.
-- cross-workspace: reads the catalog only
SELECT DISTINCT p.proname::text AS name
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'pg_catalog' AND p.oid < 16384;
