-- depends: 0052_hubspot
-- The pair of 0052: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
