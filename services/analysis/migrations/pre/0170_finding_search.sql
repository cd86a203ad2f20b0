-- depends: 0150_turns
-- The full-text index of the findings of reports.
--
-- What a workspace searches for is in the row policy. PostgreSQL looks a condition up in an index ahead of a row policy only if its
-- operator is leakproof, and `@@` is not: outside of the policy each search would read every finding of the workspace. So the policy
-- holds it, next to the workspace and the retention floor, with the query in a setting of the transaction. Without that setting there is
-- nothing to see. `@@` never fails on what is in a row, so that it tells nothing of those that the rest of the policy hides.
--
-- Each word in the index begins with a mark of its workspace: a search reads the entries of its own workspace, however many others
-- use the same word, and takes no longer because of them. The mark only saves work; the policy and the statement decide.
SET lock_timeout = '3s';

-- A text whose words can be told apart: characters of scripts without spaces between words (Thai, Lao, Burmese, Khmer, Japanese, Chinese)
-- stand alone, so that a word of several is found as their sequence; compatibility forms (full width, ligatures) are as the usual ones.
CREATE FUNCTION finding_text(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(normalize(said, NFKC),
    '([\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u3040-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF])', ' \1 ', 'g');

CREATE FUNCTION finding_mark(of_workspace text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(encode(sha256(convert_to(of_workspace, 'UTF8')), 'hex'), 8);

-- The words of a text with their places, in lower case, as no language in particular, each with the workspace's mark. Punctuation is taken out
-- first: PostgreSQL would take price/quality for the name of a file, and example.com for a host, each one word.
CREATE FUNCTION finding_words(of_workspace text, said text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(
        '''' || m.mark || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':' || array_to_string(w.positions, ','), ' '
    ), '')::tsvector
    FROM (SELECT finding_mark(of_workspace) AS mark OFFSET 0) AS m
    CROSS JOIN unnest(to_tsvector('simple', translate(
        finding_text(said), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32)))) AS w (lexeme, positions, weights));

-- The same for what is searched for, in the syntax of to_tsquery.
CREATE FUNCTION finding_query(of_workspace text, asked text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(to_tsquery('simple', finding_text(asked))::text, '''((?:[^'']|'''')*)''',
    '''' || finding_mark(of_workspace) || '\1''', 'g')::tsquery;

REVOKE ALL ON FUNCTION finding_text(text), finding_mark(text), finding_words(text, text), finding_query(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finding_text(text), finding_mark(text), finding_words(text, text), finding_query(text, text) TO analysis_app;

-- One row a finding of a report, with all that a search shows of it. `created_at` is the report's: a finding is hidden with its report, by
-- the same rule. `theme_number` and `place` say where the report has it, from 1 on.
CREATE TABLE report_findings (
    workspace_id text NOT NULL,
    report_id uuid NOT NULL,
    number integer NOT NULL,
    run_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    finding_id text NOT NULL,
    theme_number integer NOT NULL,
    place integer NOT NULL,
    theme text NOT NULL,
    claim text NOT NULL,
    sentiment text NOT NULL,
    quotes jsonb NOT NULL,
    call_id text NOT NULL,
    call_title text NOT NULL,
    called_at timestamptz NOT NULL,
    account text NOT NULL,
    rep text NOT NULL,
    verdict text NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (workspace_id, report_id, number),
    FOREIGN KEY (workspace_id, report_id) REFERENCES reports (workspace_id, id)
);
-- What has many hits is read in the order in which they are shown, until there are enough; what has few is found by its words.
CREATE INDEX report_findings_by_call ON report_findings (workspace_id, called_at, report_id, number);
-- No list of rows to be merged later: a search would have to read it as well, and it is everybody's.
CREATE INDEX report_findings_words ON report_findings USING gin (words) WITH (fastupdate = off);
ALTER TABLE report_findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE report_findings FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON report_findings TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND created_at >= current_setting('app.report_floor')::timestamptz
           AND words @@ current_setting('app.finding_query', true)::tsquery)
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON report_findings TO analysis_app;

-- Reports that the release before has written are added to the index by the first search that would show them.
ALTER TABLE report_dates ADD COLUMN findings_indexed boolean NOT NULL DEFAULT false;
CREATE INDEX report_dates_not_indexed ON report_dates (workspace_id, created_at) WHERE NOT findings_indexed;
GRANT UPDATE (findings_indexed) ON report_dates TO analysis_app;
