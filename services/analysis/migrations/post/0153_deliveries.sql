-- depends: 0152_deliveries
-- The pair of 0152: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
