-- depends: 0130_metering
-- Calls by the run and the time at which they may be claimed; what several calls of a month were before they were metered together.
SET lock_timeout = '3s';

-- The lease is in the index, so that whoever claims finds the first free call of each run at once, and passes over nothing that is under
-- way or put back. A claim or a renewal writes an index entry for that.
CREATE INDEX run_calls_due ON run_calls (workspace_id, run_id, lease_until) WHERE done_at IS NULL;

-- Of the statement that metered last: what the counters were before it.
ALTER TABLE usage_months
    ADD COLUMN by_plan_before integer NOT NULL DEFAULT 0,
    ADD COLUMN reached_before integer NOT NULL DEFAULT 0;
ALTER TABLE addon_balances ADD COLUMN used_before bigint NOT NULL DEFAULT 0;

-- A failed run that somebody goes on with. Where its fetch had not ended, its calls are asked for again under another id: the fetches of
-- such a run, the present one last. Its calls that are analysed and that the present fetch has not announced yet are `calls_kept`.
ALTER TABLE runs
    ADD COLUMN fetch_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN calls_kept integer NOT NULL DEFAULT 0 CHECK (calls_kept >= 0);
CREATE INDEX runs_fetched_again ON runs (workspace_id) WHERE fetch_ids <> '{}';
-- The number of the fetch that announced the call last, from 0.
ALTER TABLE run_calls ADD COLUMN fetch_number integer NOT NULL DEFAULT 0;
