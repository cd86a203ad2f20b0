-- depends: 0012_entries_by_month
-- The pair of 0012: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
