-- name: queue_synthesis
-- All calls of a run are done: its summary can be written. Asking twice changes nothing; one that was closed with its run begins anew.
INSERT INTO syntheses (workspace_id, run_id) VALUES (:workspace_id, :run_id)
ON CONFLICT (workspace_id, run_id) DO UPDATE
SET done_at = NULL, attempts = 0, bad_answers = 0, queued_at = now(), lease_until = now()
WHERE syntheses.workspace_id = :workspace_id AND syntheses.done_at IS NOT NULL;

-- name: queue_partial_synthesis
-- A run was cancelled with some calls done: their report is to be written. Its summary may have been under way.
INSERT INTO syntheses (workspace_id, run_id) VALUES (:workspace_id, :run_id)
ON CONFLICT (workspace_id, run_id) DO UPDATE SET done_at = NULL
WHERE syntheses.workspace_id = :workspace_id;

-- name: joined_themes
-- Which themes of a run were found to be one; null where that has not been asked.
SELECT joined FROM syntheses WHERE workspace_id = :workspace_id AND run_id = :run_id;

-- name: keep_joined_themes
-- Which themes are one is known; a summary that is asked for again goes by it. 0 rows when the claim is not the latest.
UPDATE syntheses SET joined = :joined::jsonb
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: renew_synthesis
-- Keeps a claim; 0 rows when somebody else has it by now or the run has ended.
UPDATE syntheses SET lease_until = now() + make_interval(secs => :seconds::double precision)
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: put_back_synthesis
-- Gives a claim up for a while. `bad` is 1 where the model's answer was no good, 0 where there was none.
UPDATE syntheses
SET lease_until = now() + make_interval(secs => :seconds::double precision), bad_answers = bad_answers + :bad
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: finish_synthesis
-- A claim ends with a report; 0 rows when the claim is not the latest.
UPDATE syntheses SET done_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND fence = :fence AND done_at IS NULL;

-- name: insert_report
-- A report; there is one a run.
INSERT INTO reports (workspace_id, id, run_id, headline, document)
VALUES (:workspace_id, :id, :run_id, :headline, :document::jsonb);

-- name: insert_report_date
-- When the report was made, which stays countable when the report is hidden.
INSERT INTO report_dates (workspace_id, report_id) VALUES (:workspace_id, :report_id);

-- name: report_by_id
-- One report, unless it is older than what the plan shows (the row policy sees to that).
SELECT id, run_id, document, created_at FROM reports WHERE workspace_id = :workspace_id AND id = :id;

-- name: report_in_part
-- One report as a page shows it, unless it is older than what the plan shows: without most of its findings and calls, which are megabytes
-- that nobody would read at once. Of the first themes there are the findings that the summary cites and the first others, as many as fit; of
-- one theme a page of its findings; and a page of the calls. A page after the last one is the last one. With the numbers of all that there is.
SELECT r.id, r.run_id, r.created_at,
    r.document - '{themes,calls}'::text[]
    || jsonb_build_object(
        'themes', coalesce(shown.themes, '[]'),
        'calls', coalesce(jsonb_path_query_array(whole.calls, '$[$first to $last]', jsonb_build_object(
            'first', called.first, 'last', called.first + :calls_size::integer - 1)), '[]')) AS document,
    coalesce(shown.findings, '{}') AS findings, called.number AS calls
FROM reports r
CROSS JOIN LATERAL jsonb_to_record(r.document) AS whole (themes jsonb, calls jsonb, summary jsonb)
CROSS JOIN LATERAL (
    SELECT counted.number,
        coalesce(least(:calls_page::integer - 1, (counted.number - 1) / nullif(:calls_size::integer, 0)) * :calls_size::integer, 0) AS first
    FROM (SELECT coalesce(jsonb_array_length(whole.calls), 0)) AS counted (number)
) AS called
CROSS JOIN LATERAL (
    SELECT array_agg(found.number ORDER BY t.number) AS findings,
        jsonb_agg(t.theme - 'findings' || jsonb_build_object('findings', coalesce(
            CASE WHEN t.number = :theme::integer THEN jsonb_path_query_array(t.theme, '$.findings[$first to $last]', jsonb_build_object(
                'first', found.first, 'last', found.first + :theme_size::integer - 1))
            ELSE first_ones.findings END, '[]')) ORDER BY t.number) AS themes
    FROM jsonb_array_elements(whole.themes) WITH ORDINALITY AS t (theme, number)
    CROSS JOIN LATERAL (
        SELECT counted.number, least(:theme_page::integer - 1, (counted.number - 1) / :theme_size::integer) * :theme_size::integer AS first
        FROM (SELECT jsonb_array_length(t.theme -> 'findings')) AS counted (number)
    ) AS found
    LEFT JOIN LATERAL (
        -- Places are sorted, and findings looked up by them: to sort the findings would be to sort megabytes.
        SELECT jsonb_agg(t.theme -> 'findings' -> ranked.place ORDER BY ranked.rank) AS findings
        FROM (
            SELECT f.place::integer - 1 AS place, row_number() OVER (ORDER BY c.cited DESC, f.place) AS rank,
                count(*) FILTER (WHERE c.cited) OVER () AS cited_ones
            FROM jsonb_array_elements(t.theme -> 'findings') WITH ORDINALITY AS f (finding, place)
            CROSS JOIN LATERAL (SELECT f.finding ->> 'id' IN (
                SELECT jsonb_array_elements_text(s.sentence -> 'finding_ids') FROM jsonb_array_elements(whole.summary) AS s (sentence)
            )) AS c (cited)
            WHERE t.number <= :first_themes::integer
        ) AS ranked
        WHERE ranked.rank <= greatest(:first_findings::integer, ranked.cited_ones)
    ) AS first_ones ON true
) AS shown
WHERE r.workspace_id = :workspace_id AND r.id = :id;

-- name: report_text
-- One report's document as text, to be handed on without being read; its version, since one of an earlier shape has to be read.
SELECT run_id, created_at, coalesce((document ->> 'version')::integer, 1) AS version,
    (document - '{report_id,run_id,created_at}'::text[])::text AS document
FROM reports WHERE workspace_id = :workspace_id AND id = :id;

-- name: report_headlines
-- The headlines of some runs' reports.
SELECT run_id, headline FROM reports WHERE workspace_id = :workspace_id AND run_id = ANY(:run_ids::uuid[]);

-- name: hidden_reports
-- How many reports are older than what the plan shows.
SELECT count(*) FROM report_dates
WHERE workspace_id = :workspace_id AND created_at < current_setting('app.report_floor')::timestamptz;
