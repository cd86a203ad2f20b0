-- depends: 0050_streams
-- The pair of 0050: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
