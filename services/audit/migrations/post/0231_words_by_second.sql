-- depends: 0250_words_moved
-- The pair of 0230: what processes of before added during the roll-out, and the table they added it to, which nobody uses any more.
SET lock_timeout = '3s';

-- As in 0250.
DO $number$ BEGIN PERFORM pg_current_xact_id(); END $number$;

-- Without these PostgreSQL knows nothing of a table that was made a moment ago, and looks through all of it for each row.
ANALYZE entry_words;
ANALYZE word_entries;
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT m.workspace_id, m.word, m.since, (array_agg(m.id ORDER BY m.id))[1], array_agg(m.id ORDER BY m.id)
FROM (SELECT w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z') AS since, w.id FROM entry_words w) m
LEFT JOIN (SELECT k.workspace_id, k.word, k.since, unnest(k.entries) AS id FROM word_entries k) known
    USING (workspace_id, word, since, id)
WHERE known.id IS NULL
GROUP BY m.workspace_id, m.word, m.since;

DROP TABLE entry_words;
