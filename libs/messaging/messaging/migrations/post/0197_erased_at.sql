-- depends: 0196_erased_at
-- The pair of 0196: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
