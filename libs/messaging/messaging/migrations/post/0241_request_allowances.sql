-- depends: 0240_request_allowances
-- The pair of 0240: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
