-- depends: 0254_recorded
-- The code before 0254 counted what is new with this one; every entry that was added paid for it.
SET lock_timeout = '3s';

DROP INDEX entries_recorded;
