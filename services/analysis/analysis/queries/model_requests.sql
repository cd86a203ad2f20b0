-- name: insert_model_requests
-- Requests that went out.
INSERT INTO model_requests (workspace_id, id, run_id, call_id, task, part, parts, provider, model, provider_model, data_classes, masked,
                            bytes_sent, storage, input_tokens, cached_tokens, cache_write_tokens, output_tokens, cost_micro_dollars, outcome,
                            status, started_at, took_ms)
SELECT :workspace_id, r.id, r.run_id, r.call_id, r.task, r.part, r.parts, r.provider, r.model, r.provider_model, r.data_classes, r.masked,
       r.bytes_sent, r.storage, r.input_tokens, r.cached_tokens, r.cache_write_tokens, r.output_tokens, r.cost_micro_dollars, r.outcome,
       r.status, r.started_at, r.took_ms
FROM jsonb_to_recordset(:requests::jsonb)
    AS r (id uuid, run_id uuid, call_id text, task text, part integer, parts integer, provider text, model text, provider_model text,
          data_classes text[], masked jsonb, bytes_sent integer, storage text, input_tokens integer, cached_tokens integer,
          cache_write_tokens integer, output_tokens integer, cost_micro_dollars bigint, outcome text, status integer,
          started_at timestamptz, took_ms integer);

-- name: model_requests_page
-- What a run has sent to models, in order; `after` is the last id of the page before (ids rise with time).
SELECT m.id, m.call_id, m.task, m.part, m.parts, m.provider, m.model, m.provider_model, m.data_classes, m.masked, m.bytes_sent, m.storage,
       m.input_tokens, m.cached_tokens, m.output_tokens, m.outcome, m.status, m.started_at, m.took_ms
FROM model_requests m
WHERE m.workspace_id = :workspace_id AND m.run_id = :run_id AND (:after::uuid IS NULL OR m.id > :after::uuid)
ORDER BY m.id
LIMIT :limit;

-- name: model_requests_by_outcome
-- What a run has sent in sum, by model and outcome.
SELECT m.model, m.outcome, count(*) AS requests, count(DISTINCT m.call_id) AS calls, sum(m.bytes_sent)::bigint AS bytes_sent,
       sum(m.input_tokens)::bigint AS input_tokens, sum(m.cached_tokens)::bigint AS cached_tokens,
       sum(m.output_tokens)::bigint AS output_tokens
FROM model_requests m
WHERE m.workspace_id = :workspace_id AND m.run_id = :run_id
GROUP BY m.model, m.outcome
ORDER BY m.model, m.outcome;

-- name: troubled_calls
-- Calls of a run with requests that came to nothing, the latest first; those whose analysis has failed before the others. Calls are looked up
-- one by one: joined, all of the run's were gone through for each.
SELECT c.call_id, c.title, c.started_at, c.state, c.reason, coalesce(t.outcomes, '{}') AS outcomes
FROM (
    SELECT o.call_id, array_agg(o.outcome ORDER BY o.id) FILTER (WHERE o.outcome IS NOT NULL) AS outcomes
    FROM (
        SELECT m.call_id, m.outcome, m.id FROM model_requests m
        WHERE m.workspace_id = :workspace_id AND m.run_id = :run_id AND m.outcome <> 'answered' AND m.call_id IS NOT NULL
        UNION ALL
        SELECT f.call_id, NULL, NULL FROM run_calls f
        WHERE f.workspace_id = :workspace_id AND f.run_id = :run_id AND f.state = 'failed'
    ) o
    GROUP BY o.call_id
) t
JOIN LATERAL (
    SELECT k.call_id, k.title, k.started_at, k.state, k.reason FROM run_calls k
    WHERE k.workspace_id = :workspace_id AND k.run_id = :run_id AND k.call_id = t.call_id
    LIMIT 1
) c ON true
ORDER BY c.state <> 'failed', c.started_at DESC, c.call_id
LIMIT :limit;
