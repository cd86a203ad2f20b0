-- depends: 0146_reports_2
-- The pair of 0146: all rows hold to the rules that new ones are held to.
SET lock_timeout = '3s';

ALTER TABLE runs VALIDATE CONSTRAINT runs_report, VALIDATE CONSTRAINT runs_report_of;
