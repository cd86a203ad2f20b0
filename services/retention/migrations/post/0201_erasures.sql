-- depends: 0200_erasures
-- The pair of 0200: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
