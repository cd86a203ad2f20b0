-- depends: 0032_census
-- The pair of 0032: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
