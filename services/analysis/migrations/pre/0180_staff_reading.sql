-- depends: 0180_staff_grants 0170_finding_search
-- What somebody of our staff may read while a grant is in force (docs/staff-access.md): states, counts, times and reasons. Never what was
-- asked, said, found or written, and no credential: there is no right to these columns.
SET lock_timeout = '3s';

-- The one grant that was entered, while it lets in whoever entered it: by the database's clock, asked anew with each statement.
CREATE POLICY staff ON known_staff_grants FOR SELECT TO analysis_staff
    USING (workspace_id = current_setting('app.workspace_id')
           AND grant_id = current_setting('app.staff_grant')::uuid AND staff = current_setting('app.staff')
           AND NOT ended AND expires_at > clock_timestamp());
GRANT SELECT (workspace_id, grant_id) ON known_staff_grants TO analysis_staff;

DO $staff$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['runs', 'run_calls', 'schedules', 'schedule_firings', 'deliveries', 'plans', 'integrations'] LOOP
        -- Not correlated, so that it is asked once a statement and not once a row.
        EXECUTE format($policy$CREATE POLICY staff ON %I FOR SELECT TO analysis_staff
            USING (workspace_id = current_setting('app.workspace_id') AND EXISTS (
                SELECT FROM known_staff_grants g WHERE g.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
    END LOOP;
END
$staff$;

GRANT SELECT (workspace_id, id, state, reason, calls_expected, calls_matching, calls_private, calls_without_transcript, calls_fetched,
    calls_analysed, calls_failed, created_at, started_at, finished_at) ON runs TO analysis_staff;
GRANT SELECT (workspace_id, run_id, call_id, state, reason, attempts, bad_answers, done_at) ON run_calls TO analysis_staff;
GRANT SELECT (workspace_id, id, state, version, cadence, range, next_firing_at, created_at, updated_at) ON schedules TO analysis_staff;
GRANT SELECT (workspace_id, schedule_id, planned_at, outcome, reason, firings, run_id, fired_at) ON schedule_firings TO analysis_staff;
GRANT SELECT (workspace_id, id, run_id, kind, state, reason, attempts, created_at, ended_at) ON deliveries TO analysis_staff;
GRANT SELECT (workspace_id, plan, window_days, monthly_calls, concurrent_runs, models) ON plans TO analysis_staff;
GRANT SELECT (workspace_id, provider, state, reason) ON integrations TO analysis_staff;
