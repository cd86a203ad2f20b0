-- depends: 0210_traceparent
-- The pair of 0210: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
