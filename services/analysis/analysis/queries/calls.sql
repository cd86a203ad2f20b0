-- name: claimed_calls
-- Where the calls of some claims are stored, and whether they were given up for a while before; no row for a claim that is not the latest.
-- Each is looked up by its key: PostgreSQL expects one call of a run that is newer than its statistics, and would go through all of them.
SELECT c.run_id, c.call_id, c.object_name, c.sha256, c.reason <> '' AS put_back
FROM unnest(:run_ids::uuid[], :call_ids::text[], :fences::bigint[]) AS k (run_id, call_id, fence)
JOIN LATERAL (
    SELECT r.run_id, r.call_id, r.object_name, r.sha256, r.reason, r.done_at FROM run_calls r
    WHERE r.workspace_id = :workspace_id AND r.run_id = k.run_id AND r.call_id = k.call_id AND r.fence = k.fence
    LIMIT 1
) c ON c.done_at IS NULL;

-- name: questions_of_runs
-- What is asked of the calls of some runs, and the trace that each goes on with; no row for a run that has ended.
SELECT id, request, traceparent FROM runs WHERE workspace_id = :workspace_id AND id = ANY(:run_ids::uuid[]) AND state = 'running';

-- name: renew_call
-- Keeps a claim; 0 rows when somebody else has it by now or the run has ended.
UPDATE run_calls SET lease_until = now() + make_interval(secs => :seconds::double precision)
WHERE workspace_id = :workspace_id AND run_id = :run_id AND call_id = :call_id AND fence = :fence AND done_at IS NULL;

-- name: put_back_call
-- Gives a claim up for a while. `bad` is 1 where the model's answer was no good, 0 where there was none.
UPDATE run_calls
SET state = 'pending', lease_until = now() + make_interval(secs => :seconds::double precision), bad_answers = bad_answers + :bad,
    reason = :reason
WHERE workspace_id = :workspace_id AND run_id = :run_id AND call_id = :call_id AND fence = :fence AND done_at IS NULL;

-- name: finish_calls
-- Claims on calls of one run end with a result or a failure; the calls whose claim was the latest.
UPDATE run_calls c SET state = e.outcome, title = e.title, reason = e.reason, done_at = now()
FROM unnest(:call_ids::text[], :fences::bigint[], :outcomes::text[], :titles::text[], :reasons::text[])
    AS e (call_id, fence, outcome, title, reason)
WHERE c.workspace_id = :workspace_id AND c.run_id = :run_id AND c.call_id = e.call_id AND c.fence = e.fence AND c.done_at IS NULL
RETURNING c.call_id;

-- name: insert_analyses
-- What some calls of a run say about the brief. Each call's `models` have spaces between them: an array of arrays would be unnested too.
INSERT INTO analyses (workspace_id, run_id, call_id, title, account, rep, segment, verdict, summary, rep_talk_ms, total_talk_ms,
                      quotes_dropped, deal_source, stage, outcome, longest_monologue_ms, questions, switches, span_ms, models)
SELECT :workspace_id, :run_id, a.call_id, a.title, a.account, a.rep, a.segment, a.verdict, a.summary, a.rep_talk_ms, a.total_talk_ms,
    a.quotes_dropped, a.deal_source, a.stage, a.outcome, a.longest_monologue_ms, a.questions, a.switches, a.span_ms, string_to_array(a.models, ' ')
FROM unnest(:call_ids::text[], :titles::text[], :accounts::text[], :reps::text[], :segments::text[], :verdicts::text[],
            :summaries::text[], :rep_talks::bigint[], :total_talks::bigint[], :quotes_dropped::integer[], :deal_sources::text[],
            :stages::text[], :outcomes::text[], :longest_monologues::bigint[], :questions::integer[], :switches::integer[],
            :spans::bigint[], :models::text[])
    AS a (call_id, title, account, rep, segment, verdict, summary, rep_talk_ms, total_talk_ms, quotes_dropped, deal_source,
          stage, outcome, longest_monologue_ms, questions, switches, span_ms, models);

-- name: insert_findings
-- The findings of some calls of a run.
INSERT INTO findings (workspace_id, run_id, call_id, ordinal, theme, claim, sentiment)
SELECT :workspace_id, :run_id, f.call_id, f.ordinal, f.theme, f.claim, f.sentiment
FROM unnest(:call_ids::text[], :ordinals::integer[], :themes::text[], :claims::text[], :sentiments::text[])
    AS f (call_id, ordinal, theme, claim, sentiment);

-- name: insert_quotes
-- The verified quotes of some calls of a run.
INSERT INTO quotes (workspace_id, run_id, call_id, finding, ordinal, sentence_id, speaker, affiliation, start_ms, body)
SELECT :workspace_id, :run_id, q.call_id, q.finding, q.ordinal, q.sentence_id, q.speaker, q.affiliation, q.start_ms, q.body
FROM unnest(:call_ids::text[], :findings::integer[], :ordinals::integer[], :sentence_ids::text[], :speakers::text[],
            :affiliations::text[], :starts::bigint[], :bodies::text[])
    AS q (call_id, finding, ordinal, sentence_id, speaker, affiliation, start_ms, body);

-- name: count_done
-- More calls of a run are analysed or have failed; the run's sequence, which has risen by one for each.
UPDATE runs
SET calls_analysed = calls_analysed + :analysed, calls_failed = calls_failed + :failed, sequence = sequence + :analysed + :failed
WHERE workspace_id = :workspace_id AND id = :id AND state = 'running'
RETURNING sequence;

-- name: analyses_of_run
-- The results of a run's calls, oldest call first. Calls are looked up one by one: joined, they were gone through as often as there are any.
SELECT a.call_id, a.title, a.account, a.rep, a.segment, a.verdict, a.summary, a.rep_talk_ms, a.total_talk_ms, a.quotes_dropped,
    a.deal_source, a.stage, a.outcome, a.longest_monologue_ms, a.questions, a.switches, a.span_ms, a.models, c.started_at
FROM analyses a
JOIN LATERAL (
    SELECT k.started_at FROM run_calls k
    WHERE k.workspace_id = :workspace_id AND k.run_id = a.run_id AND k.call_id = a.call_id
    LIMIT 1
) c ON true
WHERE a.workspace_id = :workspace_id AND a.run_id = :run_id
ORDER BY c.started_at, a.call_id;

-- name: findings_of_run
-- All findings of a run.
SELECT call_id, ordinal, theme, claim, sentiment FROM findings
WHERE workspace_id = :workspace_id AND run_id = :run_id
ORDER BY call_id, ordinal;

-- name: quotes_of_run
-- All verified quotes of a run.
SELECT call_id, finding, sentence_id, speaker, affiliation, start_ms, body FROM quotes
WHERE workspace_id = :workspace_id AND run_id = :run_id
ORDER BY call_id, finding, ordinal;
