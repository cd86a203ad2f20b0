-- depends: 0042_remarks
-- The pair of 0042: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
