-- depends: 0192_erasing
-- The pair of 0192: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
