-- depends: 0070_members
-- The pair of 0070: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
