-- depends: 0230_words_by_second
-- The words of before, moved over by the second. It reads and adds rows as anybody does: entries are recorded and searched meanwhile, however
-- many words there are. What processes of before add during the roll-out follows in 0231.
SET lock_timeout = '3s';

-- Its number is taken before it looks: the eraser of a workspace waits for whoever has a lower number than the tombstone, and then removes
-- what was added here (docs/decisions/0014).
DO $number$ BEGIN PERFORM pg_current_xact_id(); END $number$;

INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z'), (array_agg(w.id ORDER BY w.id))[1], array_agg(w.id ORDER BY w.id)
FROM entry_words w
GROUP BY w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z');
