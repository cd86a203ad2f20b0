-- depends: 0150_turns
-- What only the release before claims and meters with.
SET lock_timeout = '3s';

DROP INDEX run_calls_open;
REVOKE SELECT (ordinal) ON run_calls FROM analysis_sweep;
ALTER TABLE usage_months DROP COLUMN last_by_plan, DROP COLUMN last_reached;
