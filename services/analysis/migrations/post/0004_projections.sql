-- depends: 0003_reports
-- The pair of 0001: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
