-- depends: 0040_deal_sources
-- What reports of the second version count: stage and outcome of the deal, measures of the conversation; null for calls analysed before.
-- A cancelled run may have a report, of the calls that were finished.
SET lock_timeout = '3s';

ALTER TABLE analyses
    ADD COLUMN stage text,
    ADD COLUMN outcome text CHECK (outcome IN ('won', 'lost', 'open')),
    ADD COLUMN longest_monologue_ms bigint CHECK (longest_monologue_ms >= 0),
    ADD COLUMN questions integer CHECK (questions >= 0),
    ADD COLUMN switches integer CHECK (switches >= 0),
    ADD COLUMN span_ms bigint CHECK (span_ms >= 0);

-- Which themes were found to be one, so that a summary that has to be asked for again does not ask that again. Its text is a
-- workspace's own: the role that claims work of all workspaces sees the other columns only.
ALTER TABLE syntheses ADD COLUMN joined jsonb;
REVOKE SELECT ON syntheses FROM analysis_sweep;
GRANT SELECT (workspace_id, run_id, attempts, bad_answers, fence, lease_until, queued_at, done_at) ON syntheses TO analysis_sweep;

ALTER TABLE runs
    DROP CONSTRAINT runs_check1,
    ADD CONSTRAINT runs_report CHECK (state <> 'completed' OR report_id IS NOT NULL) NOT VALID,
    ADD CONSTRAINT runs_report_of CHECK (report_id IS NULL OR state IN ('completed', 'cancelled')) NOT VALID;
