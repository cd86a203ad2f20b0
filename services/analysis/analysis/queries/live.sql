-- name: watched_runs
-- Some runs with what goes on in those that are running: calls that are claimed or put back, and the pace of the last ones analysed.
-- A step in run_calls_due for each call under way and at most 50 in usage_by_time, whatever the number of calls of the run.
SELECT r.id, r.request, r.requested_by, r.state, r.call_limit, r.calls_expected, r.calls_matching, r.calls_private,
       r.calls_without_transcript, r.calls_fetched, r.calls_analysed, r.calls_failed, r.reason, r.report_id, r.created_at, r.started_at,
       r.finished_at, r.paused_until, r.pause_reason, r.fetch_remarks, r.fetch_ids,
       o.analysing, o.put_back, o.current, u.recent, u.recent_from, u.recent_to
FROM runs r
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE c.state = 'analysing') AS analysing,
           count(*) FILTER (WHERE c.state = 'pending') AS put_back,
           array_agg(c.started_at ORDER BY c.started_at, c.call_id) FILTER (WHERE c.state = 'analysing') AS current
    FROM run_calls c
    WHERE c.workspace_id = :workspace_id AND c.run_id = r.id AND c.done_at IS NULL AND c.lease_until > now() AND r.state = 'running'
) o ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS recent, min(last.metered_at) AS recent_from, max(last.metered_at) AS recent_to
    FROM (
        SELECT m.metered_at FROM usage m
        WHERE m.workspace_id = :workspace_id AND m.run_id = r.id AND m.metered_at > now() - interval '10 minutes' AND r.state = 'running'
        ORDER BY m.metered_at DESC
        LIMIT 50
    ) last
) u ON true
WHERE r.workspace_id = :workspace_id AND r.id = ANY(:ids::uuid[]);
