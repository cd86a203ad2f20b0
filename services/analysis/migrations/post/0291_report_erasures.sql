-- depends: 0290_report_erasures
-- The pair of 0290: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
