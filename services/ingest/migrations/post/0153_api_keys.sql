-- depends: 0152_api_keys
-- The pair of 0152: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
