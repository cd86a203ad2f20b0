-- depends: 0001_ingest
-- The pair of 0001: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
