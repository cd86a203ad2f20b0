-- depends: 0003_reports
-- What a run's fetch had to do without, and why.
SET lock_timeout = '3s';

ALTER TABLE runs
    -- In ingest's words, sentences for the page.
    ADD COLUMN fetch_remarks text[] NOT NULL DEFAULT '{}';
