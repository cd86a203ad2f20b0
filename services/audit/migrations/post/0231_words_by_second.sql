-- depends: 0230_words_by_second
-- The pair of 0230: what processes of before added during the roll-out, and the table they added it to.
SET lock_timeout = '3s';

ALTER TABLE entry_words NO FORCE ROW LEVEL SECURITY;
ALTER TABLE word_entries NO FORCE ROW LEVEL SECURITY;
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
ALTER TABLE word_entries FORCE ROW LEVEL SECURITY;

DROP TABLE entry_words;
