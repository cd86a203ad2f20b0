-- depends: 0202_own_rows
-- The pair of 0202: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
