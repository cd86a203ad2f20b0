-- name: index_findings
-- Adds the findings of a stored report to the index, once, as its document has them. Without ON CONFLICT: that would want to see the rows.
-- A theme is taken apart before its findings are: a row that held all of it would be sorted with it, megabytes for each of thousands. Calls
-- are looked up one by one: PostgreSQL expects one call of a run that is newer than its statistics, and would go through all for each.
INSERT INTO report_findings (workspace_id, report_id, number, run_id, created_at, finding_id, theme_number, place, theme, claim, sentiment,
                             quotes, call_id, call_title, called_at, account, rep, verdict, words)
SELECT :workspace_id, r.id, row_number() OVER (ORDER BY t.number, f.place), r.run_id, r.created_at, f.finding ->> 'id', t.number, f.place,
    t.label, f.finding ->> 'claim', f.finding ->> 'sentiment', f.finding -> 'quotes',
    c.call_id, f.finding ->> 'call_title', c.started_at, f.finding ->> 'account', f.finding ->> 'rep', a.verdict,
    finding_words(:workspace_id, concat_ws(E'\n', t.label, f.finding ->> 'claim',
        (SELECT string_agg(q.quote ->> 'text', E'\n' ORDER BY q.place)
         FROM jsonb_array_elements(f.finding -> 'quotes') WITH ORDINALITY AS q (quote, place))))
FROM reports r
CROSS JOIN LATERAL (
    SELECT e.number, e.theme ->> 'label' AS label, e.theme -> 'findings' AS findings
    FROM jsonb_array_elements(r.document -> 'themes') WITH ORDINALITY AS e (theme, number)
    OFFSET 0
) t
CROSS JOIN LATERAL jsonb_array_elements(t.findings) WITH ORDINALITY AS f (finding, place)
JOIN LATERAL (
    SELECT k.call_id, k.started_at FROM run_calls k
    WHERE k.workspace_id = :workspace_id AND k.run_id = r.run_id AND k.call_id = f.finding ->> 'call_id'
    LIMIT 1
) c ON true
JOIN LATERAL (
    SELECT k.verdict FROM analyses k
    WHERE k.workspace_id = :workspace_id AND k.run_id = r.run_id AND k.call_id = c.call_id
    LIMIT 1
) a ON true
WHERE r.workspace_id = :workspace_id AND r.id = :report_id;

-- name: mark_indexed
-- A report's findings are in the index.
UPDATE report_dates SET findings_indexed = true WHERE workspace_id = :workspace_id AND report_id = :report_id;

-- name: next_not_indexed
-- A report that the plan shows and whose findings are not in the index, locked until it is.
SELECT report_id FROM report_dates
WHERE workspace_id = :workspace_id AND NOT findings_indexed AND created_at >= current_setting('app.report_floor')::timestamptz
ORDER BY created_at
LIMIT 1
FOR NO KEY UPDATE;

-- name: finding_query_enter
-- Shows the rest of the transaction the findings that have these words: the row policy holds the query. It only ever narrows what is seen.
-- A plan for rare words takes a hundred times as long for common ones, and the words are no parameter: plans are made anew each time.
SELECT set_config('app.finding_query', finding_query(:workspace_id, :query)::text, true),
       set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: findings_page
-- Findings with the words of finding_query_enter, the latest calls first, after a position; all filters but the first are off where null.
SELECT report_id, number, run_id, created_at, finding_id, theme_number, place, theme, claim, sentiment, quotes, call_id, call_title, called_at,
    account, rep, verdict
FROM report_findings
WHERE workspace_id = :workspace_id
  AND (called_at, report_id, number) < (:before_time::timestamptz, :before_report::uuid, :before_number::integer)
  AND (:run_id::uuid IS NULL OR run_id = :run_id::uuid)
  AND (:report_id::uuid IS NULL OR report_id = :report_id::uuid)
  AND (:theme::text IS NULL OR lower(theme) = lower(:theme::text))
  AND (:rep::text IS NULL OR lower(rep) = lower(:rep::text))
  AND (:sentiment::text IS NULL OR sentiment = :sentiment::text)
  AND (:verdict::text IS NULL OR verdict = :verdict::text)
  AND (:since::timestamptz IS NULL OR called_at >= :since::timestamptz)
  AND (:until::timestamptz IS NULL OR called_at < :until::timestamptz)
ORDER BY called_at DESC, report_id DESC, number DESC
LIMIT :limit;
