-- depends: 0034_quiet
-- The pair of 0034: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
