-- depends: 0070_revocations
-- The pair of 0070: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
