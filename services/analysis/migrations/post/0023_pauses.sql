-- depends: 0022_pauses
-- The pair of 0022: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
