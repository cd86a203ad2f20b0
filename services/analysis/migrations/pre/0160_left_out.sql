-- depends: 0150_turns
-- Calls that were announced and are no part of the run.
SET lock_timeout = '3s';

-- True for a call over the most that the run may use, and for one of an earlier fetch that is not analysed: neither is queued again when
-- the run is gone on with, nor told of in its report, until a fetch announces it while there is room.
ALTER TABLE run_calls ADD COLUMN left_out boolean NOT NULL DEFAULT false;

-- Of the present fetch: how many calls over that most it has announced.
ALTER TABLE runs ADD COLUMN calls_left_out integer NOT NULL DEFAULT 0 CHECK (calls_left_out >= 0);
