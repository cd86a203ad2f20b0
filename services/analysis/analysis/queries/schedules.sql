-- name: workspace_timezone_held
-- The timezone in which the workspace's days begin; it stays until the transaction ends. Taken before any schedule's lock, as by who changes it.
SELECT timezone FROM workspaces WHERE workspace_id = :workspace_id FOR SHARE;

-- name: insert_schedule
-- A draft; saving the same form twice makes one.
INSERT INTO schedules (workspace_id, id, name, request, cap, range, cadence, minute_of_day, weekdays, month_day, timezone, delivery,
                       channel_id, channel_name, created_by)
VALUES (:workspace_id, :id, :name, :request::jsonb, :cap, :range, :cadence, :minute_of_day, :weekdays::integer[], :month_day, :timezone,
        :delivery, :channel_id, :channel_name, :created_by)
ON CONFLICT (workspace_id, id) DO NOTHING;

-- name: count_schedules
-- How many schedules there are.
SELECT count(*) FROM schedules WHERE workspace_id = :workspace_id AND state <> 'deleted';

-- name: schedules_listed
-- All schedules, each with the last line of its history; active ones first.
SELECT s.id, s.state, s.version, s.name, s.request, s.cap, s.range, s.cadence, s.minute_of_day, s.weekdays, s.month_day, s.timezone,
       s.delivery, s.channel_id, s.channel_name, s.next_firing_at, s.created_by, s.created_at, s.updated_at, f.planned_at, f.outcome, f.reason, f.firings, f.first_planned_at,
       f.by_hand, f.run_id, f.fired_at, r.state AS run_state
FROM schedules s
LEFT JOIN LATERAL (
    SELECT l.planned_at, l.outcome, l.reason, l.firings, l.first_planned_at, l.by_hand, l.run_id, l.fired_at
    FROM schedule_firings l
    WHERE l.workspace_id = :workspace_id AND l.schedule_id = s.id
    ORDER BY l.planned_at DESC
    LIMIT 1
) f ON true
LEFT JOIN runs r ON r.workspace_id = :workspace_id AND r.id = f.run_id
WHERE s.workspace_id = :workspace_id AND s.state <> 'deleted'
ORDER BY s.state, s.next_firing_at, s.id;

-- name: schedule_by_id
-- One schedule; a deleted one is gone for everybody.
SELECT id, state, version, name, request, cap, range, cadence, minute_of_day, weekdays, month_day, timezone, next_firing_at,
       delivery, channel_id, channel_name, created_by, created_at, updated_at
FROM schedules
WHERE workspace_id = :workspace_id AND id = :id AND state <> 'deleted';

-- name: schedule_for_update
-- One schedule, locked: everything that changes it or fires it takes this lock first.
SELECT id, state, version, name, request, cap, range, cadence, minute_of_day, weekdays, month_day, timezone, next_firing_at,
       delivery, channel_id, channel_name, created_by, created_at, updated_at
FROM schedules
WHERE workspace_id = :workspace_id AND id = :id AND state <> 'deleted'
FOR NO KEY UPDATE;

-- name: save_schedule
-- A changed schedule, in whatever state it is.
UPDATE schedules
SET name = :name, request = :request::jsonb, cap = :cap, range = :range, cadence = :cadence, minute_of_day = :minute_of_day,
    weekdays = :weekdays::integer[], month_day = :month_day, timezone = :timezone, next_firing_at = :next_firing_at,
    delivery = :delivery, channel_id = :channel_id, channel_name = :channel_name, version = version + 1, updated_at = now()
WHERE workspace_id = :workspace_id AND id = :id;

-- name: turn_schedule
-- A schedule goes to another state.
UPDATE schedules
SET state = :state, next_firing_at = :next_firing_at, version = version + 1, updated_at = now()
WHERE workspace_id = :workspace_id AND id = :id;

-- name: schedule_renew
-- Keeps the claim; no row touched when it is lost.
UPDATE schedules
SET lease_until = now() + make_interval(secs => :seconds::float8)
WHERE workspace_id = :workspace_id AND id = :id AND fence = :fence;

-- name: advance_schedule
-- A firing is over; the next one can be claimed as soon as it is due.
UPDATE schedules SET next_firing_at = :next_firing_at, lease_until = now()
WHERE workspace_id = :workspace_id AND id = :id;

-- name: schedules_following
-- The active schedules that follow the workspace's timezone, and whose next firing is still ahead; locked in the order of their ids.
SELECT id, state, version, name, request, cap, range, cadence, minute_of_day, weekdays, month_day, timezone, next_firing_at,
       delivery, channel_id, channel_name, created_by, created_at, updated_at
FROM schedules
WHERE workspace_id = :workspace_id AND state = 'active' AND timezone IS NULL AND next_firing_at > :now
ORDER BY id
FOR NO KEY UPDATE;

-- name: retime_schedules
-- Their next firings, anew.
UPDATE schedules s SET next_firing_at = t.next_firing_at
FROM unnest(:ids::uuid[], :times::timestamptz[]) AS t (id, next_firing_at)
WHERE s.workspace_id = :workspace_id AND s.id = t.id;

-- name: last_carried_out
-- When the last firing of a schedule that made a run was planned; one by hand does not count.
SELECT planned_at FROM schedule_firings
WHERE workspace_id = :workspace_id AND schedule_id = :schedule_id AND outcome = 'started' AND NOT by_hand
ORDER BY planned_at DESC
LIMIT 1;

-- name: schedule_under_way
-- Whether a run of the schedule has not ended.
SELECT EXISTS (
    SELECT FROM schedule_firings f
    JOIN runs r ON r.workspace_id = f.workspace_id AND r.id = f.run_id
    WHERE f.workspace_id = :workspace_id AND r.workspace_id = :workspace_id AND f.schedule_id = :schedule_id AND r.finished_at IS NULL
);

-- name: insert_firing
-- A line of the history; no row touched when that firing has one.
INSERT INTO schedule_firings (workspace_id, schedule_id, planned_at, outcome, reason, firings, first_planned_at, by_hand, run_id, fired_at)
VALUES (:workspace_id, :schedule_id, :planned_at, :outcome, :reason, :firings, :first_planned_at, :by_hand, :run_id, :fired_at)
ON CONFLICT (workspace_id, schedule_id, planned_at) DO NOTHING;

-- name: firings_page
-- A schedule's history, the newest first; the state of a run that the plan hides is not known.
SELECT f.planned_at, f.outcome, f.reason, f.firings, f.first_planned_at, f.by_hand, f.run_id, f.fired_at, r.state AS run_state
FROM schedule_firings f
LEFT JOIN runs r ON r.workspace_id = f.workspace_id AND r.id = f.run_id
WHERE f.workspace_id = :workspace_id AND f.schedule_id = :schedule_id
  AND (:before::timestamptz IS NULL OR f.planned_at < :before::timestamptz)
ORDER BY f.planned_at DESC
LIMIT :limit;

-- name: schedule_of_run
-- Which schedule has made a run, and for when; a deleted one keeps its name.
SELECT s.id, s.name, s.request, s.state, f.planned_at, f.by_hand
FROM schedule_firings f
JOIN schedules s ON s.workspace_id = f.workspace_id AND s.id = f.schedule_id
WHERE f.workspace_id = :workspace_id AND f.run_id = :run_id;

-- name: schedules_skipped
-- Active schedules whose last firing was skipped.
SELECT s.id, s.name, s.request, f.planned_at, f.reason
FROM schedules s
JOIN LATERAL (
    SELECT l.planned_at, l.outcome, l.reason
    FROM schedule_firings l
    WHERE l.workspace_id = :workspace_id AND l.schedule_id = s.id AND NOT l.by_hand
    ORDER BY l.planned_at DESC
    LIMIT 1
) f ON f.outcome = 'skipped'
WHERE s.workspace_id = :workspace_id AND s.state = 'active'
ORDER BY f.planned_at DESC, s.id;
