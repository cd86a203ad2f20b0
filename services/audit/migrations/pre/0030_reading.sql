-- depends: 0014_log
-- What reading the log needs: an index for each filter, the words of diffs, the names of who and what entries tell of, the workspace's zone.
SET lock_timeout = '3s';

-- Each index ends in the order of the page and holds what the other filters ask, so that a combination is decided without looking at the
-- entries themselves: those are read for the rows of the page only. Page order is (occurred_at, id).
CREATE INDEX entries_of_type ON entries (workspace_id, type, occurred_at DESC, id DESC) INCLUDE (source);
CREATE INDEX entries_from_source ON entries (workspace_id, source, occurred_at DESC, id DESC);
CREATE INDEX entries_by_actor ON entries (workspace_id, actor_id, occurred_at DESC, id DESC) INCLUDE (type, source);
CREATE INDEX entries_about_target ON entries (workspace_id, target_id, occurred_at DESC, id DESC) INCLUDE (type, source, actor_id);
-- In which order entries came in: what is new, also where it happened long ago.
CREATE INDEX entries_recorded ON entries (workspace_id, recorded_at);

-- Which words stand in the diff of which entry. Row security lets only leakproof operators use an index, and neither LIKE nor those of full
-- text search and arrays are; equality and order of text are.
CREATE TABLE entry_words (
    workspace_id text NOT NULL,
    word text COLLATE "C" NOT NULL CHECK (word <> ''),
    occurred_at timestamptz NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    actor_id text NOT NULL,
    target_id text NOT NULL,
    PRIMARY KEY (workspace_id, word, occurred_at, id) INCLUDE (type, source, actor_id, target_id)
);
-- What is to go with an entry that is erased.
CREATE INDEX entry_words_of ON entry_words (workspace_id, id);

-- What people call those whom entries tell of by their ids. `kind` is `actor`, or the kind of target.
CREATE TABLE entry_names (
    workspace_id text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    -- When it was last called so; the event breaks a tie.
    told_at timestamptz NOT NULL,
    told_by uuid NOT NULL,
    PRIMARY KEY (workspace_id, kind, id)
);
CREATE INDEX entry_names_by_name ON entry_names (workspace_id, name);

CREATE TABLE workspaces (
    workspace_id text PRIMARY KEY,
    timezone text NOT NULL,
    sequence bigint NOT NULL
);

ALTER TABLE entry_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE entry_words FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON entry_words TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, DELETE ON entry_words TO audit_app;

ALTER TABLE entry_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE entry_names FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON entry_names TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON entry_names TO audit_app;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON workspaces TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT, UPDATE ON workspaces TO audit_app;
