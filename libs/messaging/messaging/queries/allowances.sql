-- name: allowances_take
-- Takes a share of each limit, in the order of their subjects, so that two processes never wait for each other. A window begins with the first
-- request in it, by the database's clock. Near its end shares get smaller, a quarter of what is left, so that one process does not get all of it.
INSERT INTO request_allowances AS known (workspace_id, subject, quota, used, granted, ends_at)
SELECT :workspace_id, wanted.subject, wanted.quota, wanted.share, wanted.share, now() + make_interval(secs => :seconds::float8)
FROM unnest(:subjects::text[], :quotas::int[], :shares::int[]) AS wanted (subject, quota, share)
ORDER BY wanted.subject
ON CONFLICT (workspace_id, subject) DO UPDATE
SET quota = excluded.quota,
    granted = CASE WHEN known.ends_at <= now() THEN excluded.granted
        ELSE greatest(0, least(excluded.granted, (excluded.quota - known.used + 3) / 4)) END,
    used = CASE WHEN known.ends_at <= now() THEN excluded.used
        ELSE known.used + greatest(0, least(excluded.granted, (excluded.quota - known.used + 3) / 4)) END,
    ends_at = CASE WHEN known.ends_at <= now() THEN excluded.ends_at ELSE known.ends_at END
RETURNING subject, granted, greatest(0, quota - used) AS remaining, extract(epoch FROM ends_at - now())::float8 AS seconds;
