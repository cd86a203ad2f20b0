-- depends: 0160_left_out
-- The pair of 0160: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
