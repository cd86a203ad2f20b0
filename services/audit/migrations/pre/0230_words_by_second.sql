-- depends: 0192_erasing
-- A word of diffs has one row for all entries that one transaction adds and that happened within the same second, instead of one for each of
-- them: these rows were two fifths of what PostgreSQL did for an entry. Within a second entries are sorted by whoever reads them.
SET lock_timeout = '3s';

CREATE TABLE word_entries (
    workspace_id text NOT NULL,
    word text COLLATE "C" NOT NULL CHECK (word <> ''),
    -- When the second began in which they happened.
    since timestamptz NOT NULL,
    -- Of what one transaction added; what is kept anew for an entry has that entry's id.
    arrival_id uuid NOT NULL,
    entries uuid[] NOT NULL CHECK (cardinality(entries) > 0),
    PRIMARY KEY (workspace_id, word, since, arrival_id)
);

-- Forced row security holds the owner back as well; nobody else sees the new table before this transaction is over.
ALTER TABLE entry_words NO FORCE ROW LEVEL SECURITY;
-- What processes of before add during the roll-out follows in the pair of this.
INSERT INTO word_entries (workspace_id, word, since, arrival_id, entries)
SELECT w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z'), (array_agg(w.id ORDER BY w.id))[1], array_agg(w.id ORDER BY w.id)
FROM entry_words w
GROUP BY w.workspace_id, w.word, date_bin('1 second', w.occurred_at, '2000-01-01T00:00:00Z');
ALTER TABLE entry_words FORCE ROW LEVEL SECURITY;

ALTER TABLE word_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE word_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON word_entries TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, DELETE ON word_entries TO audit_app;

CREATE TRIGGER fence AFTER INSERT ON word_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased();
