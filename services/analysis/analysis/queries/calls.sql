-- name: claimed_call
-- What the holder of a claim needs to analyse its call; no row when the claim is not the latest or the run has ended.
SELECT c.object_name, c.sha256, r.request
FROM run_calls c
JOIN runs r ON r.workspace_id = c.workspace_id AND r.id = c.run_id
WHERE c.workspace_id = :workspace_id AND c.run_id = :run_id AND c.call_id = :call_id AND c.fence = :fence
  AND c.done_at IS NULL AND r.workspace_id = :workspace_id AND r.state = 'running';

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

-- name: finish_call
-- A claim ends with a result or a failure; 0 rows when the claim is not the latest.
UPDATE run_calls SET state = :state, title = :title, reason = :reason, done_at = now()
WHERE workspace_id = :workspace_id AND run_id = :run_id AND call_id = :call_id AND fence = :fence AND done_at IS NULL;

-- name: insert_analysis
-- What one call says about the brief.
INSERT INTO analyses (workspace_id, run_id, call_id, title, account, rep, segment, verdict, summary, rep_talk_ms, total_talk_ms,
                      quotes_dropped, deal_source, stage, outcome, longest_monologue_ms, questions, switches, span_ms)
VALUES (:workspace_id, :run_id, :call_id, :title, :account, :rep, :segment, :verdict, :summary, :rep_talk_ms, :total_talk_ms,
        :quotes_dropped, :deal_source, :stage, :outcome, :longest_monologue_ms, :questions, :switches, :span_ms);

-- name: insert_findings
-- The findings of one call.
INSERT INTO findings (workspace_id, run_id, call_id, ordinal, theme, claim, sentiment)
SELECT :workspace_id, :run_id, :call_id, f.ordinal, f.theme, f.claim, f.sentiment
FROM unnest(:ordinals::integer[], :themes::text[], :claims::text[], :sentiments::text[]) AS f (ordinal, theme, claim, sentiment);

-- name: insert_quotes
-- The verified quotes of one call.
INSERT INTO quotes (workspace_id, run_id, call_id, finding, ordinal, sentence_id, speaker, affiliation, start_ms, body)
SELECT :workspace_id, :run_id, :call_id, q.finding, q.ordinal, q.sentence_id, q.speaker, q.affiliation, q.start_ms, q.body
FROM unnest(:findings::integer[], :ordinals::integer[], :sentence_ids::text[], :speakers::text[], :affiliations::text[],
            :starts::bigint[], :bodies::text[]) AS q (finding, ordinal, sentence_id, speaker, affiliation, start_ms, body);

-- name: count_done
-- One more call of a run is analysed or has failed; the new counters.
UPDATE runs SET calls_analysed = calls_analysed + :analysed, calls_failed = calls_failed + :failed, sequence = sequence + 1
WHERE workspace_id = :workspace_id AND id = :id AND state = 'running'
RETURNING sequence;

-- name: analyses_of_run
-- The results of a run's calls, oldest call first.
SELECT a.call_id, a.title, a.account, a.rep, a.segment, a.verdict, a.summary, a.rep_talk_ms, a.total_talk_ms, a.quotes_dropped,
    a.deal_source, a.stage, a.outcome, a.longest_monologue_ms, a.questions, a.switches, a.span_ms, c.started_at
FROM analyses a
JOIN run_calls c ON c.workspace_id = a.workspace_id AND c.run_id = a.run_id AND c.call_id = a.call_id
WHERE a.workspace_id = :workspace_id AND c.workspace_id = :workspace_id AND a.run_id = :run_id
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
