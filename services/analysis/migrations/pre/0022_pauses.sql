-- depends: 0003_reports
-- Until when a run's fetch rests, and why.
SET lock_timeout = '3s';

ALTER TABLE runs
    ADD COLUMN paused_until timestamptz,
    -- In ingest's words; "until" and the time follow.
    ADD COLUMN pause_reason text NOT NULL DEFAULT '';
