-- depends: 0003_memberships
-- The pair of 0003: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
