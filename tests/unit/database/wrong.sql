-- Every way of merely looking scoped: one block each, in its first line a name and what the checker has to call it.

-- no scope: untied
SELECT * FROM notes

-- another parameter: untied
SELECT * FROM notes WHERE workspace_id = $2

-- only mentioned: untied
SELECT workspace_id FROM notes WHERE id = $2 AND $1 <> ''

-- or: untied
SELECT * FROM notes WHERE workspace_id = $1 OR id = $2

-- or true: untied
SELECT * FROM notes WHERE (workspace_id = $1) OR true

-- not: untied
SELECT * FROM notes WHERE NOT workspace_id = $1

-- double not: untied
SELECT * FROM notes WHERE NOT (NOT workspace_id = $1 AND id = $2)

-- case: untied
SELECT * FROM notes WHERE CASE WHEN id = $2 THEN workspace_id = $1 ELSE true END

-- coalesce: untied
SELECT * FROM notes WHERE coalesce(workspace_id = $1, true)

-- is not false: untied
SELECT * FROM notes WHERE (workspace_id = $1) IS NOT FALSE

-- unequal: untied
SELECT * FROM notes WHERE workspace_id <> $1

-- at least: untied
SELECT * FROM notes WHERE workspace_id >= $1

-- like: untied
SELECT * FROM notes WHERE workspace_id LIKE $1

-- between: untied
SELECT * FROM notes WHERE workspace_id BETWEEN $1 AND $1

-- in a list: untied
SELECT * FROM notes WHERE workspace_id IN ($1, $2)

-- in a list of one: untied
SELECT * FROM notes WHERE workspace_id IN ($1)

-- any of an array: unclear, untied
SELECT * FROM notes WHERE workspace_id = ANY ($1::text[])

-- any of an array with the scope: untied
SELECT * FROM notes WHERE workspace_id = ANY (ARRAY[$1, $2])

-- is not distinct from: untied
SELECT * FROM notes WHERE workspace_id IS NOT DISTINCT FROM $1

-- lower: untied
SELECT * FROM notes WHERE lower(workspace_id) = $1

-- lower of both: untied
SELECT * FROM notes WHERE lower(workspace_id) = lower($1)

-- concatenated: untied
SELECT * FROM notes WHERE workspace_id || '' = $1

-- coalesced scope: untied
SELECT * FROM notes WHERE workspace_id = coalesce($1, workspace_id)

-- nullif: untied
SELECT * FROM notes WHERE workspace_id = nullif($1, '')

-- collation: untied
SELECT * FROM notes WHERE workspace_id = $1 COLLATE "loose"

-- cast that cuts: unclear, untied
SELECT * FROM notes WHERE workspace_id = $1::varchar(3)

-- cast of the column that cuts: untied
SELECT * FROM notes WHERE workspace_id::char(3) = $1

-- cast to another text: unclear, untied
SELECT * FROM notes WHERE workspace_id = $1::other.text

-- cast that changes the parameter: unclear
SELECT $1::citext FROM notes WHERE workspace_id = $1

-- operator of another schema: function, untied
SELECT * FROM notes WHERE workspace_id OPERATOR(other.=) $1

-- unequal rows: untied
SELECT * FROM notes WHERE (workspace_id, id) <= ($1, $2)

-- crossed rows: untied
SELECT * FROM notes WHERE (id, workspace_id) = ($1, $2)

-- a setting: untied
SELECT * FROM notes WHERE workspace_id = current_setting('app.workspace_id')

-- a literal: untied
SELECT * FROM notes WHERE workspace_id = 'org_1'

-- itself: untied
SELECT * FROM notes WHERE workspace_id = workspace_id

-- in having: untied
SELECT workspace_id, count(*) FROM notes GROUP BY workspace_id HAVING workspace_id = $1

-- in the select list: untied
SELECT workspace_id = $1 FROM notes

-- in an aggregate's filter: untied
SELECT count(*) FILTER (WHERE workspace_id = $1) FROM notes

-- a column that is not compared like text: untied
SELECT * FROM folders WHERE workspace_id = $1

-- composite: untied
SELECT * FROM notes n WHERE (n).workspace_id = $1

-- one of two: untied
SELECT * FROM notes n, tags t WHERE n.workspace_id = $1 AND t.id = n.id

-- swapped alias: untied
SELECT * FROM notes n, tags t WHERE n.workspace_id = $1 AND n.workspace_id = n.workspace_id AND t.note_id = n.id

-- outer join's own side: untied
SELECT * FROM notes n LEFT JOIN tags t ON n.workspace_id = $1 AND t.workspace_id = $1

-- right join's own side: untied
SELECT * FROM notes n RIGHT JOIN tags t ON n.workspace_id = $1 AND t.workspace_id = $1

-- full join: untied
SELECT * FROM notes n FULL JOIN tags t ON n.workspace_id = $1 AND t.workspace_id = $1

-- full join using: untied
SELECT * FROM notes n FULL JOIN tags t USING (workspace_id) WHERE workspace_id = $1

-- tie through the optional side: untied
SELECT * FROM notes n LEFT JOIN tags t ON t.workspace_id = $1 AND t.workspace_id = n.workspace_id

-- nested outer joins: untied
SELECT * FROM notes n LEFT JOIN tags t ON t.workspace_id = $1 LEFT JOIN notes m ON m.workspace_id = n.workspace_id
AND n.workspace_id = t.workspace_id

-- predicate moved into on: untied
SELECT * FROM notes n LEFT JOIN settings s ON n.workspace_id = $1

-- natural: unclear
SELECT * FROM notes n NATURAL JOIN tags t WHERE n.workspace_id = $1 AND t.workspace_id = $1

-- using without it: untied
SELECT * FROM notes n JOIN tags t USING (id) WHERE n.workspace_id = $1

-- using of a fake column: untied
SELECT * FROM (SELECT id AS workspace_id FROM notes WHERE workspace_id = $1) n JOIN tags t USING (workspace_id)

-- using's column is the kept side's: untied
SELECT 1 FROM (SELECT workspace_id FROM (SELECT workspace_id FROM notes WHERE workspace_id = $1) l
RIGHT JOIN settings r (workspace_id, v) USING (workspace_id)) d JOIN tags t ON t.workspace_id = d.workspace_id

-- using's column is either side's: untied
SELECT 1 FROM (SELECT workspace_id FROM (SELECT workspace_id FROM notes WHERE workspace_id = $1) l
FULL JOIN settings r (workspace_id, v) USING (workspace_id)) d JOIN tags t ON t.workspace_id = d.workspace_id

-- using's alias has no other columns: unresolved, untied
SELECT * FROM notes n JOIN tags t USING (id) AS j WHERE j.workspace_id = $1

-- hidden behind a join's alias: unresolved, untied
SELECT * FROM (notes n JOIN tags t ON true) AS j WHERE n.workspace_id = $1 AND t.workspace_id = $1

-- self join: untied
SELECT * FROM notes a, notes b WHERE a.workspace_id = $1

-- unqualified in two: unresolved, untied
SELECT * FROM notes n, tags t WHERE workspace_id = $1

-- no such table: unresolved
SELECT * FROM nots WHERE workspace_id = $1

-- no such column: unresolved, untied
SELECT * FROM notes WHERE workspaceid = $1

-- no such alias: unresolved, untied
SELECT * FROM notes n WHERE m.workspace_id = $1

-- table behind an alias: unresolved, untied
SELECT * FROM notes n WHERE notes.workspace_id = $1

-- alias is another table's name: untied
SELECT * FROM notes AS tags, tags AS notes WHERE notes.workspace_id = $1

-- table of another schema: untied
SELECT * FROM other.notes

-- tie of another schema: untied
SELECT 1 FROM public.notes, other.notes WHERE public.notes.workspace_id = $1

-- not on the search path: unresolved
SELECT * FROM labels WHERE workspace_id = $1

-- temporary: unresolved
SELECT * FROM pg_temp.notes WHERE workspace_id = $1

-- another database: unresolved
SELECT * FROM elsewhere.public.notes WHERE workspace_id = $1

-- quoted capitals: unresolved
SELECT * FROM "Notes" WHERE workspace_id = $1

-- renamed columns: untied
SELECT * FROM notes AS n (x, workspace_id) WHERE n.workspace_id = $1

-- too many names: unresolved
SELECT * FROM notes AS n (workspace_id, a, b, c) WHERE n.workspace_id = $1

-- alias called like the column: untied
SELECT * FROM tags AS workspace_id WHERE workspace_id.id = $1

-- output column of that name: untied
SELECT id AS workspace_id FROM notes ORDER BY workspace_id

-- unknown column in order by: unresolved
SELECT id FROM notes WHERE workspace_id = $1 ORDER BY nothing

-- column of a function: untied
SELECT * FROM notes n, unnest($2::text[]) AS u (workspace_id) WHERE u.workspace_id = $1

-- lock of no entry: unresolved
SELECT id FROM notes n WHERE workspace_id = $1 FOR UPDATE OF notes

-- in: untied
SELECT * FROM notes n WHERE n.workspace_id = $1 AND n.id IN (SELECT id FROM tags)

-- exists by id: untied
SELECT * FROM notes n WHERE n.workspace_id = $1 AND EXISTS (SELECT FROM tags t WHERE t.note_id = n.id)

-- exists that ties the outer one: untied
SELECT * FROM notes n WHERE EXISTS (SELECT FROM tags t WHERE t.workspace_id = $1 AND n.workspace_id = $1)

-- the inner name wins: untied
SELECT * FROM notes n WHERE n.workspace_id = $1 AND EXISTS (SELECT FROM tags n WHERE n.workspace_id =
n.workspace_id)

-- scalar: untied
SELECT (SELECT count(*) FROM tags) FROM notes WHERE workspace_id = $1

-- in order by: untied
SELECT id FROM notes WHERE workspace_id = $1 ORDER BY (SELECT max(name) FROM tags)

-- in limit: untied
SELECT id FROM notes WHERE workspace_id = $1 LIMIT (SELECT count(*) FROM tags)

-- in group by: untied
SELECT count(*) FROM notes WHERE workspace_id = $1 GROUP BY (SELECT max(name) FROM tags)

-- in a window: untied
SELECT rank() OVER (ORDER BY (SELECT max(name) FROM tags)) FROM notes WHERE workspace_id = $1

-- in a filter: untied
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM tags)) FROM notes WHERE workspace_id = $1

-- in a function of from: untied
SELECT * FROM unnest(ARRAY(SELECT id FROM tags)) AS u (id)

-- in values: untied
VALUES ((SELECT count(*) FROM tags))

-- in a sample: untied
SELECT * FROM notes TABLESAMPLE system ((SELECT count(*) FROM tags)) WHERE workspace_id = $1

-- in xmltable: unresolved, untied
SELECT * FROM XMLTABLE('/a' PASSING (SELECT xmlagg(id) FROM tags) COLUMNS a text)

-- in on: untied
SELECT 1 FROM notes n JOIN settings s ON s.key IN (SELECT id FROM tags) WHERE n.workspace_id = $1

-- subquery tied from outside: untied
SELECT * FROM (SELECT * FROM notes) n WHERE n.workspace_id = $1

-- subquery that gives another column: untied
SELECT * FROM (SELECT id AS workspace_id FROM notes WHERE workspace_id = $1) d JOIN tags t ON t.workspace_id =
d.workspace_id

-- subquery that computes: untied
SELECT * FROM (SELECT workspace_id || '' AS w FROM notes WHERE workspace_id = $1) d JOIN tags t ON t.workspace_id =
d.w

-- star shifted by names: untied
SELECT * FROM (SELECT * FROM notes WHERE workspace_id = $1) d (a, workspace_id) JOIN tags t USING (workspace_id)

-- values with a stranger: untied
SELECT * FROM (VALUES ($1), ($2)) v (w) JOIN tags t ON t.workspace_id = v.w

-- lateral by id: untied
SELECT * FROM notes n CROSS JOIN LATERAL (SELECT * FROM tags t WHERE t.id = n.id) x WHERE n.workspace_id = $1

-- lateral that ties its neighbour: untied
SELECT * FROM notes n CROSS JOIN LATERAL (SELECT 1 FROM settings WHERE n.workspace_id = $1) x

-- not lateral: unresolved, untied
SELECT * FROM notes n, (SELECT * FROM tags t WHERE t.workspace_id = n.workspace_id) x WHERE n.workspace_id = $1

-- cte: untied
WITH theirs AS (SELECT * FROM notes) SELECT * FROM theirs WHERE workspace_id = $1

-- unused cte: untied
WITH theirs AS (SELECT * FROM notes) SELECT 1

-- cte of the same name as the table: untied
WITH notes AS (SELECT * FROM notes) SELECT * FROM notes WHERE workspace_id = $1

-- shadow with a fake column: untied
WITH tags AS (SELECT $1::text AS workspace_id) SELECT * FROM notes n JOIN public.tags t ON t.id = n.id WHERE
n.workspace_id = $1

-- schema goes past the cte: untied
WITH notes AS (SELECT 1 AS id) SELECT * FROM public.notes

-- target goes past the cte: untied
WITH notes AS (SELECT * FROM settings) DELETE FROM notes

-- cte out of sight: unresolved
SELECT * FROM (WITH mine AS (SELECT 1) SELECT * FROM mine) m, mine

-- forward reference: unresolved
WITH RECURSIVE a AS (SELECT * FROM tags), tags AS (SELECT 1 AS n) SELECT * FROM a

-- cte columns renamed: untied
WITH m (x, workspace_id) AS (SELECT workspace_id, id FROM notes WHERE workspace_id = $1) SELECT 1 FROM m JOIN tags t
USING (workspace_id)

-- recursive start: untied
WITH RECURSIVE r AS (SELECT workspace_id, id FROM notes UNION ALL SELECT t.workspace_id, t.id FROM tags t JOIN r ON
t.workspace_id = r.workspace_id) SELECT * FROM r WHERE workspace_id = $1

-- recursive step: untied
WITH RECURSIVE r AS (SELECT workspace_id, id FROM notes WHERE workspace_id = $1 UNION ALL SELECT t.workspace_id,
t.id FROM tags t JOIN r ON t.note_id = r.id) SELECT * FROM r

-- recursive drift: untied
WITH RECURSIVE r AS (SELECT $1::text AS w UNION ALL SELECT t.id FROM tags t JOIN r ON t.workspace_id = r.w) SELECT *
FROM r

-- recursive drift used outside: untied
WITH RECURSIVE r (w, n) AS (SELECT $1::text, $2::text UNION ALL SELECT r.n, r.w FROM r) SELECT * FROM r JOIN notes x
ON x.workspace_id = r.w

-- cte that writes: untied
WITH gone AS (DELETE FROM notes RETURNING id) SELECT * FROM gone

-- cte that returns a stranger: not_given
WITH gone AS (DELETE FROM notes WHERE workspace_id = $1 RETURNING id) INSERT INTO tags (workspace_id) SELECT id FROM
gone

-- first arm of union: untied
SELECT id FROM notes UNION SELECT id FROM tags WHERE workspace_id = $1

-- second arm of union: untied
SELECT id FROM notes WHERE workspace_id = $1 UNION SELECT id FROM tags

-- third arm: untied
SELECT id FROM notes WHERE workspace_id = $1 UNION SELECT '' EXCEPT SELECT id FROM tags

-- union around: untied
SELECT * FROM (SELECT workspace_id FROM notes UNION SELECT workspace_id FROM tags) u WHERE workspace_id = $1

-- union with a stranger: untied
SELECT 1 FROM (SELECT $1 AS w UNION ALL SELECT $2) u JOIN tags t ON t.workspace_id = u.w

-- insert without: not_given
INSERT INTO notes (id) VALUES ($1)

-- insert defaults: not_given
INSERT INTO notes DEFAULT VALUES

-- insert the default: not_given
INSERT INTO notes (workspace_id, id) VALUES (DEFAULT, $1)

-- insert elsewhere: not_given
INSERT INTO notes (workspace_id, id) VALUES ($2, $1)

-- insert a stranger's row: not_given
INSERT INTO notes (workspace_id, id) VALUES ($1, $2), ($2, $1)

-- insert by position: not_given
INSERT INTO notes VALUES ($2, $1)

-- insert computed: not_given
INSERT INTO notes (workspace_id, id) VALUES (coalesce($2, $1), '')

-- insert select unscoped: untied
INSERT INTO notes (workspace_id, id) SELECT $1, id FROM tags

-- insert select another column: not_given
INSERT INTO notes (workspace_id, id) SELECT id, workspace_id FROM tags WHERE workspace_id = $1

-- insert select union: not_given
INSERT INTO notes (workspace_id) SELECT $1 UNION SELECT $2

-- insert into nothing: unresolved
INSERT INTO notez (workspace_id) VALUES ($1)

-- insert into no column: unresolved
INSERT INTO notes (workspace_id, title) VALUES ($1, $2)

-- insert into a view: not_allowed
INSERT INTO recent (workspace_id, id) VALUES ($1, $2)

-- insert with a subquery: untied
INSERT INTO notes (workspace_id, id) VALUES ($1, (SELECT id FROM tags))

-- return a stranger: untied
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) RETURNING (SELECT count(*) FROM tags)

-- conflict on id: oracle
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING

-- conflict on an expression: oracle
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (lower(workspace_id)) DO NOTHING

-- conflict on a narrow constraint: oracle
INSERT INTO links (workspace_id, id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT links_body DO NOTHING

-- conflict on no constraint: unresolved
INSERT INTO pages (workspace_id, id) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT pages_key DO NOTHING

-- conflict on anything: oracle
INSERT INTO links (workspace_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- conflict that moves: not_given
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (workspace_id, id) DO UPDATE SET workspace_id = $2

-- conflict that moves by a column: not_given
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (workspace_id, id) DO UPDATE SET workspace_id =
excluded.id

-- conflict with a subquery: untied
INSERT INTO notes (workspace_id, id) VALUES ($1, $2) ON CONFLICT (workspace_id, id) DO UPDATE SET body = (SELECT
max(name) FROM tags)

-- update: untied
UPDATE notes SET body = ''

-- update that only sets: untied
UPDATE notes SET workspace_id = $1

-- update that moves: not_given
UPDATE notes SET workspace_id = $2 WHERE workspace_id = $1

-- update that moves, two at once: not_given
UPDATE notes SET (body, workspace_id) = ($1, $2) WHERE workspace_id = $1

-- update that moves by a subquery: not_given
UPDATE notes SET (workspace_id, body) = (SELECT $1, '') WHERE workspace_id = $1

-- update from unscoped: untied
UPDATE notes n SET body = t.name FROM tags t WHERE n.workspace_id = $1 AND t.id = n.id

-- update tied the wrong way: untied
UPDATE notes n SET body = t.name FROM tags t WHERE t.workspace_id = $1 AND t.note_id = n.id

-- update from itself: untied
UPDATE notes SET body = m.body FROM notes m WHERE m.workspace_id = $1 AND m.id = notes.id

-- update with a subquery: untied
UPDATE notes SET body = (SELECT max(name) FROM tags) WHERE workspace_id = $1

-- update of a view: not_allowed
UPDATE recent SET body = '' WHERE workspace_id = $1

-- update at a cursor: untied
UPDATE notes SET body = '' WHERE CURRENT OF here

-- delete: untied
DELETE FROM notes WHERE id = $2

-- delete using unscoped: untied
DELETE FROM notes n USING tags t WHERE n.workspace_id = $1 AND t.note_id = n.id

-- return from elsewhere: untied
DELETE FROM notes WHERE workspace_id = $1 RETURNING (SELECT max(name) FROM tags)

-- merge: untied
MERGE INTO notes n USING tags t ON n.id = t.id WHEN MATCHED THEN DELETE

-- merge of untied source: untied
MERGE INTO notes n USING tags t ON n.workspace_id = $1 AND n.id = t.id WHEN MATCHED THEN DELETE

-- merge that copies unmatched rows: untied
MERGE INTO notes n USING tags t ON n.workspace_id = $1 AND t.workspace_id = $1 AND n.id = t.id WHEN NOT MATCHED THEN
INSERT (workspace_id, id) VALUES ($1, t.id)

-- merge that inserts elsewhere: not_given
MERGE INTO notes n USING (SELECT $2::text AS w) s ON n.workspace_id = $1 WHEN NOT MATCHED THEN INSERT (workspace_id)
VALUES (s.w)

-- merge that inserts without: not_given
MERGE INTO notes n USING (SELECT 1) s ON n.workspace_id = $1 WHEN NOT MATCHED THEN INSERT (id) VALUES ($1)

-- merge that moves: not_given
MERGE INTO notes n USING (SELECT 1) s ON n.workspace_id = $1 WHEN MATCHED THEN UPDATE SET workspace_id = $2

-- merge by what is not there: untied
MERGE INTO notes n USING (SELECT $1::text AS w) s ON n.workspace_id = s.w WHEN NOT MATCHED BY SOURCE THEN DELETE

-- view: untied
SELECT id FROM recent

-- view tied by another column: untied
SELECT tag FROM tagged WHERE note = $1

-- view of its owner: definition
SELECT id FROM loose WHERE workspace_id = $1

-- materialized view: definition
SELECT id FROM stored WHERE workspace_id = $1

-- view that cuts off: definition
SELECT id FROM newest WHERE workspace_id = $1

-- view that ranks: definition
SELECT place FROM ranked WHERE workspace_id = $1

-- view that crosses: definition
SELECT name FROM crossed WHERE workspace_id = $1

-- view without a workspace: definition
SELECT id FROM anonymous

-- no such function: unresolved
SELECT frobnicate($2)

-- function of another schema: unresolved
SELECT other.now()

-- file: function
SELECT pg_read_file('/etc/passwd')

-- query to xml: function
SELECT query_to_xml('SELECT * FROM notes', true, true, '')

-- other sessions: function
SELECT pg_terminate_backend(1)

-- function that reads a table: function
SELECT peek()

-- function that calls one: function
SELECT nested_peek()

-- function with dynamic SQL: function
SELECT dynamic('x')

-- function that loops over a table: function
SELECT loops()

-- function with raised rights: function
SELECT raised()

-- function in C: function
SELECT compiled()

-- function that enters: function
SELECT enters($2)

-- function in from: function
SELECT * FROM peek() AS p (n)

-- a lock for all: function
SELECT pg_advisory_xact_lock(42)

-- any setting read: function
SELECT current_setting($2)

-- entering unannounced: scope
SELECT set_config('app.workspace_id', $1, true)

-- operator elsewhere: function
SELECT 1 OPERATOR(other.+) 2

-- into: not_allowed, unresolved
SELECT * INTO copied FROM notes WHERE workspace_id = $1

-- two statements: not_allowed
SELECT 1; SELECT 2

-- nothing: not_allowed
;

-- does not parse: unparsed
SELEC * FROM notes

-- system relation: not_allowed
SELECT relname FROM pg_class

-- statistics: not_allowed
SELECT most_common_vals FROM pg_catalog.pg_stats

-- copy: not_allowed
COPY notes TO STDOUT

-- copy of a query: not_allowed
COPY (SELECT * FROM notes WHERE workspace_id = 'x') TO STDOUT

-- set: scope
SET app.workspace_id = 'org_2'

-- set local: scope
SET LOCAL app.workspace_id = 'org_2'

-- set what a commit waits for, for the session: scope
SET synchronous_commit = 'off'

-- set what a commit waits for to what is given: scope
SET LOCAL synchronous_commit = 'local'

-- set another setting of a commit: scope
SET LOCAL commit_delay = '10'

-- set role: scope
SET ROLE audit_sweep

-- reset: scope
RESET app.workspace_id

-- discard: not_allowed
DISCARD ALL

-- do: not_allowed
DO $$BEGIN NULL; END$$

-- create table: not_allowed
CREATE TEMP TABLE t AS SELECT 1

-- create view: not_allowed
CREATE VIEW v AS SELECT * FROM notes

-- truncate: not_allowed
TRUNCATE notes

-- lock table: not_allowed
LOCK TABLE notes

-- notify: not_allowed
NOTIFY wake, 'org_1'

-- listen: not_allowed
LISTEN wake

-- call: not_allowed
CALL peek()

-- explain: not_allowed
EXPLAIN ANALYZE DELETE FROM notes

-- cursor: not_allowed
DECLARE c CURSOR FOR SELECT * FROM notes

-- prepare: not_allowed
PREPARE p AS SELECT * FROM notes

-- grant: not_allowed
GRANT SELECT ON notes TO PUBLIC

-- commit: not_allowed
COMMIT
