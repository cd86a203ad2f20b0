-- Statements that belong to one workspace: the first parameter is the scope. One block each, its name in the first line.

-- equality
SELECT * FROM notes WHERE workspace_id = $1 AND id = $2

-- the other way round
SELECT * FROM notes WHERE $1 = workspace_id

-- alias
SELECT n.id FROM notes n WHERE n.workspace_id = $1

-- schema
SELECT public.notes.id FROM public.notes WHERE public.notes.workspace_id = $1

-- quoted
SELECT "id" FROM "notes" "N" WHERE "N"."workspace_id" = $1

-- cast of the scope
SELECT * FROM notes WHERE workspace_id = $1::text

-- cast of the column
SELECT * FROM notes WHERE workspace_id::text = $1

-- explicit built-in operator
SELECT * FROM notes WHERE workspace_id OPERATOR(pg_catalog.=) $1

-- rows of columns
SELECT * FROM notes WHERE (workspace_id, id) = ($1, $2)

-- closure
SELECT * FROM notes n JOIN tags t ON t.workspace_id = n.workspace_id AND t.id = n.id WHERE n.workspace_id = $1

-- closure in where
SELECT * FROM notes n, tags t WHERE t.workspace_id = n.workspace_id AND n.workspace_id = $1

-- chain of three
SELECT 1 FROM notes a JOIN notes b ON b.workspace_id = a.workspace_id JOIN tags c ON c.workspace_id = b.workspace_id
WHERE c.workspace_id = $1

-- unqualified where only one has it
SELECT * FROM settings s, notes n WHERE workspace_id = $1

-- using
SELECT * FROM notes n JOIN tags t USING (workspace_id, id) WHERE n.workspace_id = $1

-- using, merged column
SELECT * FROM notes JOIN tags USING (workspace_id, id) WHERE workspace_id = $1

-- using with an alias
SELECT * FROM notes JOIN tags USING (workspace_id) AS j WHERE j.workspace_id = $1

-- aliased join
SELECT * FROM (notes n JOIN tags t USING (workspace_id)) AS j WHERE j.workspace_id = $1

-- left join
SELECT * FROM notes n LEFT JOIN tags t ON t.workspace_id = n.workspace_id WHERE n.workspace_id = $1

-- right join
SELECT * FROM notes n RIGHT JOIN tags t ON t.workspace_id = n.workspace_id WHERE t.workspace_id = $1

-- full join, tied in where
SELECT * FROM notes n FULL JOIN tags t ON n.id = t.note_id WHERE n.workspace_id = $1 AND t.workspace_id = $1

-- left join, tied in on
SELECT * FROM notes n LEFT JOIN tags t ON t.workspace_id = $1 WHERE n.workspace_id = $1

-- join inside the optional side
SELECT * FROM notes n LEFT JOIN (tags t JOIN notes m ON m.workspace_id = t.workspace_id) ON t.workspace_id =
n.workspace_id WHERE n.workspace_id = $1

-- cross join
SELECT * FROM notes n CROSS JOIN tags t WHERE n.workspace_id = $1 AND t.workspace_id = $1

-- only
SELECT * FROM ONLY notes WHERE workspace_id = $1

-- tablesample
SELECT * FROM notes TABLESAMPLE system (10) WHERE workspace_id = $1

-- column aliases
SELECT * FROM notes AS n (w, i, b) WHERE n.w = $1

-- exists
SELECT * FROM notes n WHERE n.workspace_id = $1 AND EXISTS (SELECT FROM tags t WHERE t.workspace_id =
n.workspace_id)

-- exists with the outer column unqualified
SELECT * FROM settings WHERE EXISTS (SELECT FROM notes WHERE workspace_id = $1 AND id = key)

-- in
SELECT * FROM notes n WHERE n.workspace_id = $1 AND n.id IN (SELECT note_id FROM tags WHERE workspace_id = $1)

-- any
SELECT * FROM notes WHERE workspace_id = $1 AND id = ANY (SELECT note_id FROM tags t WHERE t.workspace_id = $1)

-- array
SELECT ARRAY(SELECT id FROM tags t WHERE t.workspace_id = n.workspace_id) FROM notes n WHERE n.workspace_id = $1

-- scalar
SELECT (SELECT count(*) FROM tags t WHERE t.workspace_id = n.workspace_id) FROM notes n WHERE n.workspace_id = $1

-- order by a subquery
SELECT id FROM notes n WHERE workspace_id = $1 ORDER BY (SELECT max(name) FROM tags t WHERE t.workspace_id = $1)

-- limit by a subquery
SELECT id FROM notes WHERE workspace_id = $1 LIMIT (SELECT count(*) FROM tags t WHERE t.workspace_id = $1)

-- subquery in from
SELECT d.id FROM (SELECT id FROM notes WHERE workspace_id = $1) d

-- subquery without alias
SELECT id FROM (SELECT id FROM notes WHERE workspace_id = $1)

-- subquery that carries
SELECT * FROM (SELECT workspace_id AS w, id FROM notes WHERE workspace_id = $1) d JOIN tags t ON t.workspace_id =
d.w

-- subquery with a star
SELECT * FROM (SELECT * FROM notes WHERE workspace_id = $1) d JOIN tags t ON t.workspace_id = d.workspace_id

-- the scope as a column
SELECT * FROM (SELECT $1::text AS mine) s JOIN tags t ON t.workspace_id = s.mine

-- values as a table
SELECT * FROM (VALUES ($1, 1), ($1, 2)) v (w, n) JOIN tags t ON t.workspace_id = v.w

-- lateral
SELECT * FROM notes n CROSS JOIN LATERAL (SELECT * FROM tags t WHERE t.workspace_id = n.workspace_id) x WHERE
n.workspace_id = $1

-- left join lateral
SELECT * FROM notes n LEFT JOIN LATERAL (SELECT name FROM tags t WHERE t.workspace_id = n.workspace_id LIMIT 1) x ON
true WHERE n.workspace_id = $1

-- cte
WITH mine AS (SELECT * FROM notes WHERE workspace_id = $1) SELECT * FROM mine

-- cte that carries under another name
WITH m AS (SELECT workspace_id AS owner, id FROM notes WHERE workspace_id = $1) SELECT * FROM m JOIN tags t ON
t.workspace_id = m.owner

-- cte with column names
WITH m (owner) AS (SELECT workspace_id FROM notes WHERE workspace_id = $1) SELECT * FROM m JOIN tags t ON
t.workspace_id = owner

-- materialized cte
WITH m AS MATERIALIZED (SELECT id FROM notes WHERE workspace_id = $1) SELECT * FROM m

-- cte that shadows
WITH notes AS (SELECT key AS id FROM settings) SELECT * FROM notes

-- cte that shadows and reads the table
WITH notes AS (SELECT id FROM notes WHERE workspace_id = $1) SELECT * FROM notes

-- cte used twice
WITH m AS (SELECT workspace_id FROM notes WHERE workspace_id = $1) SELECT 1 FROM m a, m b, tags t WHERE
t.workspace_id = b.workspace_id

-- recursive cte
WITH RECURSIVE r AS (SELECT workspace_id, id FROM notes WHERE workspace_id = $1 UNION ALL SELECT t.workspace_id,
t.id FROM tags t JOIN r ON t.workspace_id = r.workspace_id AND t.note_id = r.id) SELECT * FROM r

-- recursive counter
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 9) SELECT n FROM c

-- deleting cte
WITH gone AS (DELETE FROM notes WHERE workspace_id = $1 RETURNING workspace_id, id) INSERT INTO tags (workspace_id,
note_id) SELECT workspace_id, id FROM gone

-- updating cte
WITH u AS (UPDATE notes SET body = '' WHERE workspace_id = $1 RETURNING id) SELECT count(*) FROM u

-- union
SELECT id FROM notes WHERE workspace_id = $1 UNION SELECT id FROM tags WHERE workspace_id = $1

-- union that carries
SELECT 1 FROM (SELECT workspace_id FROM notes WHERE workspace_id = $1 UNION ALL SELECT $1) u JOIN tags t ON
t.workspace_id = u.workspace_id

-- except, ordered
SELECT id FROM notes WHERE workspace_id = $1 EXCEPT SELECT note_id FROM tags WHERE workspace_id = $1 ORDER BY id
LIMIT 3

-- values
VALUES (1), (2)

-- grouping
SELECT body, count(*) AS n FROM notes WHERE workspace_id = $1 GROUP BY ROLLUP (body) HAVING count(*) > 1 ORDER BY n

-- window
SELECT id, row_number() OVER w FROM notes WHERE workspace_id = $1 WINDOW w AS (PARTITION BY body ORDER BY id)

-- distinct on
SELECT DISTINCT ON (body) body, id FROM notes WHERE workspace_id = $1 ORDER BY body, id

-- for update of
SELECT n.id FROM notes n JOIN settings s ON s.key = n.id WHERE n.workspace_id = $1 FOR UPDATE OF n SKIP LOCKED

-- whole row
SELECT n FROM notes n WHERE n.workspace_id = $1

-- system column
SELECT ctid FROM notes WHERE workspace_id = $1

-- function as a table
SELECT n.id FROM notes n JOIN unnest($2::text[]) WITH ORDINALITY AS u (id, place) ON u.id = n.id WHERE
n.workspace_id = $1

-- no tenant table
SELECT now()

-- a table of no workspace
SELECT value FROM settings WHERE key = $2

-- view
SELECT id FROM recent WHERE workspace_id = $1

-- view whose workspace has another name
SELECT tag FROM tagged WHERE owner = $1

-- view that carries
SELECT 1 FROM tagged v JOIN notes n ON n.workspace_id = v.owner WHERE v.owner = $1

-- grouped view
SELECT notes FROM sizes WHERE workspace_id = $1

-- view of no tenant table
SELECT key FROM constants

-- harmless function
SELECT twice(1), stamp(), raised_rightly()

-- a lock of the workspace
SELECT pg_advisory_xact_lock(hashtextextended('quota.' || $1::text, 0))

-- a setting read
SELECT current_setting('app.report_floor')

-- insert
INSERT INTO notes (workspace_id, id) VALUES ($1, $2)

-- insert rows
INSERT INTO notes (id, workspace_id) VALUES ($2, $1), ($2, $1::text)

-- insert without a column list
INSERT INTO notes VALUES ($1, $2, '')

-- insert many
INSERT INTO notes (workspace_id, id) SELECT $1, x FROM unnest($2::int[]) x

-- insert select
INSERT INTO notes (workspace_id, id) SELECT t.workspace_id, t.id FROM tags t WHERE t.workspace_id = $1

-- insert and return
INSERT INTO notes AS n (workspace_id, id) VALUES ($1, $2) RETURNING n.id, new.body, (SELECT count(*) FROM tags t
WHERE t.workspace_id = n.workspace_id)

-- insert elsewhere
INSERT INTO settings (key) VALUES ($2) ON CONFLICT (key) DO NOTHING

-- conflict on columns
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (workspace_id, id) DO UPDATE SET body =
excluded.body WHERE notes.body <> excluded.body

-- conflict on a constraint
INSERT INTO pages (workspace_id, id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT pages_pkey DO NOTHING

-- conflict without a target
INSERT INTO pages (workspace_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- conflict that sets the scope
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (workspace_id, id) DO UPDATE SET workspace_id =
excluded.workspace_id

-- update
UPDATE notes SET body = 'x' WHERE workspace_id = $1

-- update to the scope
UPDATE notes SET workspace_id = $1 WHERE workspace_id = $1

-- update two at once
UPDATE notes SET (workspace_id, body) = ($1, 'x') WHERE workspace_id = $1

-- update from
UPDATE notes n SET body = t.name FROM tags t WHERE n.workspace_id = $1 AND t.workspace_id = n.workspace_id

-- update by a subquery
UPDATE notes n SET body = (SELECT max(name) FROM tags t WHERE t.workspace_id = n.workspace_id) WHERE n.workspace_id
= $1

-- delete
DELETE FROM notes WHERE workspace_id = $1 RETURNING old.id

-- delete using
DELETE FROM notes n USING tags t WHERE t.workspace_id = $1 AND n.workspace_id = t.workspace_id

-- merge
MERGE INTO notes n USING (SELECT $1::text AS w, $2::text AS id) s ON n.workspace_id = $1 AND n.id = s.id WHEN
MATCHED THEN UPDATE SET body = 'x' WHEN NOT MATCHED THEN INSERT (workspace_id, id) VALUES ($1, s.id)

-- merge of a table that only matches
MERGE INTO notes n USING tags t ON n.workspace_id = $1 AND t.workspace_id = n.workspace_id AND t.note_id = n.id WHEN
MATCHED THEN DELETE
