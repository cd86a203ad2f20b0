-- depends: 0170_finding_search 0180_staff_reading
-- The trace that a run goes on with: a worker takes it up minutes later, in another process.
SET lock_timeout = '3s';

ALTER TABLE runs
    -- W3C Trace Context; empty for what began before this column was there. 55 characters are what version 00 has.
    ADD COLUMN traceparent text NOT NULL DEFAULT '' CHECK (octet_length(traceparent) <= 55);
