-- depends: 0230_words_by_second
-- The pair of 0230: what processes of before added during the roll-out, and the table they added it to.
SET lock_timeout = '3s';

ALTER TABLE entry_words NO FORCE ROW LEVEL SECURITY;
ALTER TABLE word_entries NO FORCE ROW LEVEL SECURITY;
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT m.workspace_id, m.word, m.since, (array_agg(m.id ORDER BY m.id))[1], array_agg(m.id ORDER BY m.id)
FROM (SELECT w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z') AS since, w.id FROM entry_words w) m
WHERE NOT EXISTS (
    SELECT FROM word_entries k
    WHERE k.workspace_id = m.workspace_id AND k.word = m.word AND k.since = m.since AND m.id = ANY(k.entries))
GROUP BY m.workspace_id, m.word, m.since;
ALTER TABLE word_entries FORCE ROW LEVEL SECURITY;

DROP TABLE entry_words;
