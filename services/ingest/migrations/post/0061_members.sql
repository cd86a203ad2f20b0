-- depends: 0060_members
-- The pair of 0060: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
