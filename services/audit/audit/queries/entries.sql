-- name: entries_record_enter
-- Enters the workspace and adds entries, in one round trip; the ids of those that were added, no row where none was. An entry that is there
-- already stays as it is: this is what makes an event that is delivered again one entry. Where all of them were added, so are their arrival at
-- the log and their words; where not, only what was added is to arrive (entries_arrive_enter). Of an erased workspace nothing is recorded.
-- Every row is made of `standing`, so that the scope is set before the row policies look at it. Where somebody is forgotten leaves are made
-- anew before they are sealed (epoch -1): whoever does that looks for what tells of them.
-- Texts of many entries come as one, each with `mark` in front, which is in none of them: an array of texts takes the driver several times as
-- long to write. The entries of a word come as an array's text: PostgreSQL has no arrays of arrays that differ in length.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true) AS workspace_id
), standing AS MATERIALIZED (
    SELECT FROM scope
    WHERE (SELECT NOT EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = :workspace_id AND scope.workspace_id <> ''))
), added AS (
    INSERT INTO entries (workspace_id, id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at)
    SELECT :workspace_id, e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff::jsonb, e.occurred_at,
        :recorded_at::timestamptz
    FROM standing CROSS JOIN unnest(:ids::uuid[],
        (string_to_array(:types::text, :mark::text))[2:], (string_to_array(:actor_kinds::text, :mark::text))[2:],
        (string_to_array(:actor_ids::text, :mark::text))[2:], (string_to_array(:actor_emails::text, :mark::text))[2:],
        (string_to_array(:sources::text, :mark::text))[2:], (string_to_array(:target_kinds::text, :mark::text))[2:],
        (string_to_array(:target_ids::text, :mark::text))[2:], (string_to_array(:diffs::text, :mark::text))[2:], :times::timestamptz[])
        AS e (id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at)
    ON CONFLICT (workspace_id, id) DO NOTHING
    RETURNING id
), complete AS MATERIALIZED (SELECT FROM added HAVING count(*) = cardinality(:ids::uuid[])
), arrived AS (
    INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
    SELECT :workspace_id, :arrival_id::uuid, :ids::uuid[], :leaves::bytea,
        CASE WHEN EXISTS (SELECT FROM log_forgotten f WHERE f.workspace_id = :workspace_id) THEN -1 ELSE :epoch::integer END
    FROM complete
), worded AS (
    INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
    SELECT :workspace_id, w.word, w.since, :arrival_id::uuid, w.entries::uuid[]
    FROM complete CROSS JOIN unnest((string_to_array(:words::text, :mark::text))[2:], :seconds::timestamptz[],
        (string_to_array(:members::text, :mark::text))[2:]) AS w (word, since, entries)
)
SELECT :workspace_id AS workspace_id, array_agg(a.id) AS ids
FROM added a
HAVING count(*) > 0;

-- name: entries_arrive_enter
-- Enters the workspace and adds the arrival and the words of entries that were added among others which had been there.
WITH scope AS MATERIALIZED (SELECT set_config('app.workspace_id', :workspace_id, true) AS workspace_id
), arrived AS (
    INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
    SELECT :workspace_id, :arrival_id::uuid, :ids::uuid[], :leaves::bytea,
        CASE WHEN (SELECT EXISTS (SELECT FROM log_forgotten f WHERE f.workspace_id = :workspace_id AND scope.workspace_id <> ''))
            THEN -1 ELSE :epoch::integer END
    FROM scope
)
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT :workspace_id, w.word, w.since, :arrival_id::uuid, w.entries::uuid[]
FROM scope CROSS JOIN unnest((string_to_array(:words::text, :mark::text))[2:], :seconds::timestamptz[],
    (string_to_array(:members::text, :mark::text))[2:]) AS w (word, since, entries);

-- name: entries_page
-- Entries older than a position, newest first.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at
FROM entries
WHERE workspace_id = :workspace_id
  AND (occurred_at, id) < (:before_time::timestamptz, :before_id::uuid) AND occurred_at >= :since::timestamptz
ORDER BY occurred_at DESC, id DESC
LIMIT :size;

-- The pages below choose among their index' own columns first and read entries for the rows of the page only. An empty text or list leaves
-- a filter out; which statement is run follows from the filter that leaves the fewest entries (store.reading). What is asked of words stands
-- outside of what is put in order: as a condition of the index' rows it would be asked of each of them by the plan that serves all values, which
-- sorts before it stops. Of a word that few entries have (`rarest`) all of them are listed once.

-- name: entries_page_of_type
-- The same of one type; perhaps from one source, with some words in the diff.
WITH found AS (
    SELECT e.id, e.occurred_at
    FROM (
        SELECT e.id, e.occurred_at
        FROM entries e
        WHERE e.workspace_id = :workspace_id AND e.type = :type
          AND (:source::text = '' OR e.source = :source::text)
          AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
        ORDER BY e.occurred_at DESC, e.id DESC
    ) AS e
    WHERE (cardinality(:words::text[]) = 0 OR (
          SELECT bool_and(EXISTS (
              SELECT FROM word_entries x
              WHERE x.workspace_id = :workspace_id AND x.word = o.word
                AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
          FROM unnest(:words::text[]) AS o (word)))
    ORDER BY e.occurred_at DESC, e.id DESC
    LIMIT :size
)
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM found f
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = f.id
ORDER BY f.occurred_at DESC, f.id DESC;

-- name: entries_page_from_source
-- The same from one source; perhaps with some words in the diff.
WITH found AS (
    SELECT e.id, e.occurred_at
    FROM (
        SELECT e.id, e.occurred_at
        FROM entries e
        WHERE e.workspace_id = :workspace_id AND e.source = :source
          AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
        ORDER BY e.occurred_at DESC, e.id DESC
    ) AS e
    WHERE (cardinality(:words::text[]) = 0 OR (
          SELECT bool_and(EXISTS (
              SELECT FROM word_entries x
              WHERE x.workspace_id = :workspace_id AND x.word = o.word
                AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
          FROM unnest(:words::text[]) AS o (word)))
    ORDER BY e.occurred_at DESC, e.id DESC
    LIMIT :size
)
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM found f
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = f.id
ORDER BY f.occurred_at DESC, f.id DESC;

-- name: entries_page_by_actor
-- The same by one person, who may have several ids; perhaps of one type, from one source, with some words in the diff. The index holds all
-- that is asked: one condition on something else, even one that is left out, would have entries read that are not of the page.
WITH found AS (
    SELECT one.id, one.occurred_at
    FROM unnest(:actors::text[]) AS a (actor_id)
    CROSS JOIN LATERAL (
        SELECT e.id, e.occurred_at
        FROM (
            SELECT e.id, e.occurred_at
            FROM entries e
            WHERE e.workspace_id = :workspace_id AND e.actor_id = a.actor_id
              AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
              AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
            ORDER BY e.occurred_at DESC, e.id DESC
        ) AS e
        WHERE (:rarest::text = '' OR e.id IN (
              SELECT unnest(w.entries) FROM word_entries w
              WHERE w.workspace_id = :workspace_id AND w.word = :rarest::text AND w.since <= :before_time::timestamptz
                AND w.since >= date_bin('1 second', :since::timestamptz, '2000-01-01T00:00:00Z')))
          AND (cardinality(:words::text[]) = 0 OR (
              SELECT bool_and(EXISTS (
                  SELECT FROM word_entries x
                  WHERE x.workspace_id = :workspace_id AND x.word = o.word
                    AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
              FROM unnest(:words::text[]) AS o (word)))
        ORDER BY e.occurred_at DESC, e.id DESC
        LIMIT :size
    ) AS one
    ORDER BY one.occurred_at DESC, one.id DESC
    LIMIT :size
)
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM found f
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = f.id
ORDER BY f.occurred_at DESC, f.id DESC;

-- name: entries_page_by_actor_about
-- The same by one person about one thing, or several of one name, where the person did few things.
WITH found AS (
    SELECT one.id, one.occurred_at
    FROM unnest(:actors::text[]) AS a (actor_id)
    CROSS JOIN LATERAL (
        SELECT e.id, e.occurred_at
        FROM (
            SELECT e.id, e.occurred_at
            FROM entries e
            WHERE e.workspace_id = :workspace_id AND e.actor_id = a.actor_id
              AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
              AND e.target_id = ANY(:targets::text[])
              AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
            ORDER BY e.occurred_at DESC, e.id DESC
        ) AS e
        WHERE (:rarest::text = '' OR e.id IN (
              SELECT unnest(w.entries) FROM word_entries w
              WHERE w.workspace_id = :workspace_id AND w.word = :rarest::text AND w.since <= :before_time::timestamptz
                AND w.since >= date_bin('1 second', :since::timestamptz, '2000-01-01T00:00:00Z')))
          AND (cardinality(:words::text[]) = 0 OR (
              SELECT bool_and(EXISTS (
                  SELECT FROM word_entries x
                  WHERE x.workspace_id = :workspace_id AND x.word = o.word
                    AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
              FROM unnest(:words::text[]) AS o (word)))
        ORDER BY e.occurred_at DESC, e.id DESC
        LIMIT :size
    ) AS one
    ORDER BY one.occurred_at DESC, one.id DESC
    LIMIT :size
)
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM found f
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = f.id
ORDER BY f.occurred_at DESC, f.id DESC;

-- name: entries_page_about_target
-- The same about one thing, or several of one name; perhaps of one type, from one source, by one person, with some words in
-- the diff.
WITH found AS (
    SELECT one.id, one.occurred_at
    FROM unnest(:targets::text[]) AS t (target_id)
    CROSS JOIN LATERAL (
        SELECT e.id, e.occurred_at
        FROM (
            SELECT e.id, e.occurred_at
            FROM entries e
            WHERE e.workspace_id = :workspace_id AND e.target_id = t.target_id
              AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
              AND (cardinality(:actors::text[]) = 0 OR e.actor_id = ANY(:actors::text[]))
              AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
            ORDER BY e.occurred_at DESC, e.id DESC
        ) AS e
        WHERE (:rarest::text = '' OR e.id IN (
              SELECT unnest(w.entries) FROM word_entries w
              WHERE w.workspace_id = :workspace_id AND w.word = :rarest::text AND w.since <= :before_time::timestamptz
                AND w.since >= date_bin('1 second', :since::timestamptz, '2000-01-01T00:00:00Z')))
          AND (cardinality(:words::text[]) = 0 OR (
              SELECT bool_and(EXISTS (
                  SELECT FROM word_entries x
                  WHERE x.workspace_id = :workspace_id AND x.word = o.word
                    AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
              FROM unnest(:words::text[]) AS o (word)))
        ORDER BY e.occurred_at DESC, e.id DESC
        LIMIT :size
    ) AS one
    ORDER BY one.occurred_at DESC, one.id DESC
    LIMIT :size
)
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM found f
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = f.id
ORDER BY f.occurred_at DESC, f.id DESC;

-- name: entries_page_with_words
-- The same with some words in the diff; perhaps of one type, from one source, by one person, about one thing. Seconds come in the order
-- of the index; sorted is within each of them only.
SELECT e.id, e.type, e.actor_kind, e.actor_id, e.actor_email, e.source, e.target_kind, e.target_id, e.diff, e.occurred_at, e.recorded_at
FROM word_entries w
CROSS JOIN LATERAL unnest(w.entries) AS p (id)
JOIN entries e ON e.workspace_id = :workspace_id AND e.id = p.id
WHERE w.workspace_id = :workspace_id AND w.word = :word
  AND w.since <= :before_time::timestamptz AND w.since >= date_bin('1 second', :since::timestamptz, '2000-01-01T00:00:00Z')
  AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
  AND (cardinality(:actors::text[]) = 0 OR e.actor_id = ANY(:actors::text[]))
  AND (cardinality(:targets::text[]) = 0 OR e.target_id = ANY(:targets::text[]))
  AND (cardinality(:others::text[]) = 0 OR (
      SELECT bool_and(EXISTS (
          SELECT FROM word_entries x
          WHERE x.workspace_id = :workspace_id AND x.word = o.word
            AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
      FROM unnest(:others::text[]) AS o (word)))
  AND (e.occurred_at, e.id) < (:before_time::timestamptz, :before_id::uuid) AND e.occurred_at >= :since::timestamptz
ORDER BY w.since DESC, e.occurred_at DESC, e.id DESC
LIMIT :size;

-- name: entries_count_each
-- How many entries of a page's days have each of some words, are about some things, are by some people; each counted no further than `most`.
SELECT o.word, c.entries
FROM unnest(:words::text[]) AS o (word)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.entries), 0)::bigint AS entries
    FROM (
        SELECT cardinality(w.entries) AS entries
        FROM word_entries w
        WHERE w.workspace_id = :workspace_id AND w.word = o.word
          AND w.since <= :before_time::timestamptz AND w.since >= date_bin('1 second', :since::timestamptz, '2000-01-01T00:00:00Z')
        LIMIT :most_words) s) c
UNION ALL
SELECT 'target:', coalesce(sum(c.entries), 0)::bigint
FROM unnest(:targets::text[]) AS t (target_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS entries
    FROM (
        SELECT FROM entries e
        WHERE e.workspace_id = :workspace_id AND e.target_id = t.target_id
          AND e.occurred_at <= :before_time::timestamptz AND e.occurred_at >= :since::timestamptz
        LIMIT :most) s) c
UNION ALL
SELECT 'actor:', coalesce(sum(c.entries), 0)::bigint
FROM unnest(:actors::text[]) AS a (actor_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS entries
    FROM (
        SELECT FROM entries e
        WHERE e.workspace_id = :workspace_id AND e.actor_id = a.actor_id
          AND e.occurred_at <= :before_time::timestamptz AND e.occurred_at >= :since::timestamptz
        LIMIT :most) s) c;

-- name: entries_count_recorded
-- How many entries that the filters ask for have been recorded since a moment, counted no further than `most`. By the log's own queue and
-- seals, which know what came in of late: what was recorded after a moment was sealed after it, or is yet to be; between the two clocks that
-- tell those times a minute is allowed for.
SELECT count(*) AS entries
FROM (
    SELECT FROM (
        SELECT unnest(s.entries) AS id
        FROM log_seals s
        WHERE s.workspace_id = :workspace_id AND s.sealed_at > :recorded_after::timestamptz - interval '1 minute'
        UNION ALL
        SELECT unnest(a.entries)
        FROM log_arrivals a
        WHERE a.workspace_id = :workspace_id) AS late (id)
    CROSS JOIN LATERAL (
        SELECT FROM entries e
        WHERE e.workspace_id = :workspace_id AND e.id = late.id AND e.recorded_at > :recorded_after::timestamptz
          AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
          AND (cardinality(:actors::text[]) = 0 OR e.actor_id = ANY(:actors::text[]))
          AND (cardinality(:targets::text[]) = 0 OR e.target_id = ANY(:targets::text[]))
          AND e.occurred_at >= :since::timestamptz AND e.occurred_at < :until::timestamptz
          AND (cardinality(:words::text[]) = 0 OR (
              SELECT bool_and(EXISTS (
                  SELECT FROM word_entries x
                  WHERE x.workspace_id = :workspace_id AND x.word = o.word
                    AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
              FROM unnest(:words::text[]) AS o (word)))
        LIMIT 1) AS new
    LIMIT :most
) AS counted;

-- name: entries_read_at
-- The database's clock, by which entries are recorded.
SELECT now() AS read_at, :workspace_id::text AS workspace_id;

-- name: entries_count_by_type
-- How many entries of each type the workspace has.
SELECT type, count(*) AS entries
FROM entries
WHERE workspace_id = :workspace_id
GROUP BY type
ORDER BY type;
