-- depends: 0142_schedules
-- The pair of 0142: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
