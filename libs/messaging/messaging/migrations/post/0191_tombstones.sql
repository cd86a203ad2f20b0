-- depends: 0190_tombstones
-- The pair of 0190: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
