-- depends: 0005_api_keys
-- The pair of 0005: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
