-- depends: 0072_upkeep
-- The pair of 0072: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
