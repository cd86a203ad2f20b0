-- depends: 0270_report_erasures
-- The pair of 0270: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
