-- depends: 0280_call_tombstones
-- The pair of 0280: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
