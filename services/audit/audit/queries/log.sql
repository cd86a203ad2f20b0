-- name: log_keys_take
-- Makes the keys of those subjects that have none; returns those asked for that are there, and how often the workspace has erased.
WITH made AS (
    INSERT INTO log_keys (workspace_id, subject, key)
    SELECT :workspace_id, n.subject, n.key
    FROM unnest(:subjects::text[], :keys::bytea[]) AS n (subject, key)
    ORDER BY n.subject
    ON CONFLICT DO NOTHING
    RETURNING subject, key
)
SELECT k.subject, k.key, coalesce((SELECT h.epoch FROM log_heads h WHERE h.workspace_id = :workspace_id), 0) AS epoch
FROM (SELECT m.subject, m.key FROM made m
      UNION ALL
      SELECT o.subject, o.key FROM log_keys o WHERE o.workspace_id = :workspace_id AND o.subject = ANY(:subjects::text[])) k;

-- name: log_keys_read
-- The keys of some subjects that are there, and how often the workspace has erased. One row without a key where none of them has one.
SELECT k.subject, k.key, coalesce(h.epoch, 0) AS epoch
FROM (SELECT 1) one
LEFT JOIN log_heads h ON h.workspace_id = :workspace_id
LEFT JOIN log_keys k ON k.workspace_id = :workspace_id AND k.subject = ANY(:subjects::text[]);

-- name: log_keys_delete
-- Forgets a subject's key: nothing can then be said of what was committed to under it.
DELETE FROM log_keys
WHERE workspace_id = :workspace_id AND subject = :subject;

-- name: log_keys_delete_all
-- Forgets the keys of all subjects.
DELETE FROM log_keys
WHERE workspace_id = :workspace_id;

-- name: log_arrivals_stale
-- Arrivals whose leaves were made with other keys than those of now, or are yet to be made.
SELECT a.id, a.entries
FROM log_arrivals a
WHERE a.workspace_id = :workspace_id
  AND a.epoch <> coalesce((SELECT h.epoch FROM log_heads h WHERE h.workspace_id = :workspace_id), 0)
ORDER BY a.id
LIMIT :limit;

-- name: log_arrivals_renew
-- Gives an arrival new leaves.
UPDATE log_arrivals
SET leaves = :leaves, epoch = :epoch
WHERE workspace_id = :workspace_id AND id = :id;

-- name: log_arrivals_waiting
-- How many entries have no place in the log yet.
SELECT coalesce(sum(cardinality(entries)), 0)::bigint AS entries
FROM log_arrivals
WHERE workspace_id = :workspace_id;

-- name: log_head
-- The log's state; no row before its first entry has been sealed.
SELECT size, checkpoint, epoch
FROM log_heads
WHERE workspace_id = :workspace_id;

-- name: log_head_make
-- Makes the head of an empty log where there is none.
INSERT INTO log_heads (workspace_id)
VALUES (:workspace_id)
ON CONFLICT DO NOTHING;

-- name: log_head_erasing
-- Notes that something is being erased: until the end of the transaction nothing is sealed in the workspace, and leaves made before are made
-- anew. Returns the log's size and the new epoch.
UPDATE log_heads
SET epoch = epoch + 1
WHERE workspace_id = :workspace_id
RETURNING size, epoch;

-- name: log_seals_from
-- Which entries have positions from the seal that holds :first_index on, before :end_index, in their order.
SELECT s.first_index, s.entries
FROM log_seals s
WHERE s.workspace_id = :workspace_id
  AND s.first_index >= coalesce((
      SELECT max(b.first_index) FROM log_seals b WHERE b.workspace_id = :workspace_id AND b.first_index <= :first_index), 0)
  AND s.first_index < :end_index
ORDER BY s.first_index;

-- name: log_tiles_read
-- Some tiles, named by level and number.
SELECT t.level, t.number, t.hashes
FROM log_tiles t
JOIN unnest(:levels::smallint[], :numbers::bigint[]) AS n (level, number) ON n.level = t.level AND n.number = t.number
WHERE t.workspace_id = :workspace_id;

-- name: log_entries
-- Entries by their ids, as they are.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at
FROM entries
WHERE workspace_id = :workspace_id AND id = ANY(:ids::uuid[]);

-- name: log_chosen
-- Which of some entries the filters ask for; an empty text or list leaves a filter out.
SELECT e.id
FROM entries e
WHERE e.workspace_id = :workspace_id AND e.id = ANY(:ids::uuid[])
  AND (:type::text = '' OR e.type = :type::text) AND (:source::text = '' OR e.source = :source::text)
  AND (cardinality(:actors::text[]) = 0 OR e.actor_id = ANY(:actors::text[]))
  AND (cardinality(:targets::text[]) = 0 OR e.target_id = ANY(:targets::text[]))
  AND e.occurred_at >= :since::timestamptz AND e.occurred_at < :until::timestamptz
  AND (cardinality(:words::text[]) = 0 OR (
      SELECT bool_and(EXISTS (
          SELECT FROM word_entries x
          WHERE x.workspace_id = :workspace_id AND x.word = o.word
            AND x.since = date_bin('1 second', e.occurred_at, '2000-01-01T00:00:00Z') AND e.id = ANY(x.entries)))
      FROM unnest(:words::text[]) AS o (word)));

-- name: log_strays
-- Entries that have neither a place in the log nor one in the queue for it: nobody recorded them in the way entries are recorded.
SELECT e.id, e.type, e.recorded_at
FROM entries e
WHERE e.workspace_id = :workspace_id
  AND NOT EXISTS (
      SELECT FROM log_seals s CROSS JOIN unnest(s.entries) AS u (id) WHERE s.workspace_id = :workspace_id AND u.id = e.id)
  AND NOT EXISTS (
      SELECT FROM log_arrivals a CROSS JOIN unnest(a.entries) AS w (id) WHERE a.workspace_id = :workspace_id AND w.id = e.id)
ORDER BY e.id
LIMIT :limit;

-- name: log_positions
-- The positions of some entries; none for those that have none yet.
SELECT u.id, s.first_index + u.place - 1 AS position
FROM log_seals s CROSS JOIN unnest(s.entries) WITH ORDINALITY AS u (id, place)
WHERE s.workspace_id = :workspace_id AND u.id = ANY(:ids::uuid[]);

-- name: log_erasures_all
-- What was erased so far.
SELECT id, request_id, scope, firsts, lasts, erased_at
FROM log_erasures
WHERE workspace_id = :workspace_id
ORDER BY erased_at, id;

-- name: log_erasure_of_request
-- The erasure that answers a request.
SELECT id, request_id, scope, firsts, lasts, erased_at
FROM log_erasures
WHERE workspace_id = :workspace_id AND request_id = :request_id;

-- name: log_erasure_add
-- Records an erasure, and its arrival at the log.
WITH erased AS (
    INSERT INTO log_erasures (workspace_id, id, request_id, scope, firsts, lasts, erased_at)
    VALUES (:workspace_id, :id, :request_id, :scope, :firsts::bigint[], :lasts::bigint[], :erased_at)
)
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
VALUES (:workspace_id, :id, ARRAY[:id::uuid], :leaf, :epoch);

-- name: log_redactions_add
-- Keeps the commitments that stand for what is erased of entries.
INSERT INTO log_redactions (workspace_id, entry_id, part, commitment, erasure_id)
SELECT :workspace_id, r.entry_id, r.part, r.commitment, :erasure_id
FROM unnest(:entry_ids::uuid[], :parts::text[], :commitments::bytea[]) AS r (entry_id, part, commitment)
ON CONFLICT DO NOTHING;

-- name: log_redactions_of
-- What was erased of some entries.
SELECT r.entry_id, r.part, r.commitment, x.request_id
FROM log_redactions r
JOIN log_erasures x ON x.workspace_id = r.workspace_id AND x.id = r.erasure_id
WHERE r.workspace_id = :workspace_id AND x.workspace_id = :workspace_id AND r.entry_id = ANY(:ids::uuid[]);

-- name: log_entries_of_person
-- Entries after an id that tell of a person, by what they did or what was done to them.
SELECT id, type, actor_kind, actor_id, actor_email, source, target_kind, target_id, diff, occurred_at, recorded_at
FROM entries
WHERE workspace_id = :workspace_id AND id > :after::uuid
  AND (actor_id = :person AND actor_kind <> 'system' OR target_id = :person AND target_kind = ANY(:kinds::text[]))
ORDER BY id
LIMIT :limit;

-- name: log_entries_redact
-- Removes what tells of a person from entries.
UPDATE entries e
SET actor_id = CASE WHEN r.actor THEN '' ELSE e.actor_id END,
    actor_email = CASE WHEN r.actor THEN '' ELSE e.actor_email END,
    target_id = CASE WHEN r.target THEN '' ELSE e.target_id END,
    diff = CASE WHEN r.target THEN '{}'::jsonb ELSE e.diff END
FROM unnest(:ids::uuid[], :actors::boolean[], :targets::boolean[]) AS r (id, actor, target)
WHERE e.workspace_id = :workspace_id AND e.id = r.id;

-- name: log_forget
-- What happened until a moment is sealed without what tells of a person, whenever it arrives.
INSERT INTO log_forgotten (workspace_id, person, until)
VALUES (:workspace_id, :person, :until)
ON CONFLICT (workspace_id, person) DO UPDATE
SET until = greatest(log_forgotten.until, excluded.until)
WHERE log_forgotten.workspace_id = :workspace_id;

-- name: log_forgotten_all
-- People whom the log was asked to forget, and until when.
SELECT person, until
FROM log_forgotten
WHERE workspace_id = :workspace_id;

-- name: log_entries_count
-- How many entries there are.
SELECT count(*)
FROM entries
WHERE workspace_id = :workspace_id;

-- name: log_entries_delete
-- Removes all entries.
DELETE FROM entries
WHERE workspace_id = :workspace_id;

-- name: log_anchor_latest
-- The last checkpoint of the workspace that the global log holds.
SELECT size, checkpoint, blind, global_index
FROM log_anchors
WHERE workspace_id = :workspace_id
ORDER BY size DESC
LIMIT 1;

-- name: log_steps_arrive
-- Queues leaves of staff access for the log.
INSERT INTO log_arrivals (workspace_id, id, entries, leaves, epoch)
VALUES (:workspace_id, :id, :entries::uuid[], :leaves, :epoch);
