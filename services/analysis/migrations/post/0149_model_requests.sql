-- depends: 0148_model_requests
-- The pair of 0148: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
