-- depends: 0010_refused
-- The pair of 0010: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
