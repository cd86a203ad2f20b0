-- name: budget_open
-- The budget's row, full; no row touched when it is there.
INSERT INTO provider_budgets (workspace_id, provider)
VALUES (:workspace_id, :provider)
ON CONFLICT (workspace_id, provider) DO NOTHING;

-- name: budget_reserve
-- Reserves the next place for one request by the database's clock, and returns the seconds until then; nothing is reserved when that is
-- longer than :longest_seconds. No row when the budget has not been opened.
UPDATE provider_budgets b
SET spent_until = CASE WHEN s.wait <= :longest_seconds::float8
        THEN greatest(s.spent_until, s.place) + make_interval(secs => :interval_seconds::float8) ELSE s.spent_until END,
    day_began = CASE WHEN s.wait <= :longest_seconds::float8 AND s.place >= s.day_ends THEN s.place ELSE s.day_began END,
    day_requests = CASE WHEN s.wait > :longest_seconds::float8 THEN s.day_requests
        WHEN s.place >= s.day_ends THEN 1 ELSE s.day_requests + 1 END
FROM (
    SELECT workspace_id, provider, spent_until, day_began, day_requests, day_ends, place,
        extract(epoch FROM place - clock_timestamp())::float8 AS wait
    FROM (
        SELECT workspace_id, provider, spent_until, day_began, day_requests, day_began + interval '24 hours' AS day_ends,
            greatest(clock_timestamp(), blocked_until, spent_until - make_interval(secs => :ahead_seconds::float8),
                CASE WHEN day_requests >= :per_day::int THEN day_began + interval '24 hours' END) AS place
        FROM provider_budgets
        WHERE workspace_id = :workspace_id AND provider = :provider
        FOR UPDATE) locked) s
WHERE b.workspace_id = :workspace_id AND b.provider = :provider AND s.workspace_id = b.workspace_id AND s.provider = b.provider
RETURNING s.wait;

-- name: budget_hold_back
-- The provider asks to wait: nobody of this workspace asks before then.
UPDATE provider_budgets
SET blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => :seconds::float8))
WHERE workspace_id = :workspace_id AND provider = :provider;
