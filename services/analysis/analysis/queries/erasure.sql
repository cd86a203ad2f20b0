-- Rows of a workspace that is erased, so many at once, in the order of migrations/erasure.yaml: what points to a row goes before it. The
-- eraser runs whatever begins with `erase_`, in this order; a test holds both together.

-- name: erasing_enter
-- Lifts what hides old reports from people, and findings from whoever does not search: no text has a blank for a word, so this shows all.
SELECT set_config('app.report_floor', '-infinity', true), set_config('app.finding_query', '!'' ''', true);

-- name: erase_report_findings
-- So many rows of report_findings.
DELETE FROM report_findings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_findings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_quotes
-- So many rows of quotes.
DELETE FROM quotes
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM quotes x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_findings
-- So many rows of findings.
DELETE FROM findings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM findings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_usage
-- So many rows of usage.
DELETE FROM usage
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM usage x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_analyses
-- So many rows of analyses.
DELETE FROM analyses
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM analyses x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_model_requests
-- So many rows of model_requests.
DELETE FROM model_requests
WHERE workspace_id = :workspace_id AND id = ANY(ARRAY(SELECT x.id FROM model_requests x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_run_calls
-- So many rows of run_calls.
DELETE FROM run_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM run_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_syntheses
-- So many rows of syntheses.
DELETE FROM syntheses
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM syntheses x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_schedule_firings
-- So many rows of schedule_firings.
DELETE FROM schedule_firings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM schedule_firings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_schedules
-- So many rows of schedules.
DELETE FROM schedules
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM schedules x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_page_notices
-- So many rows of page_notices.
DELETE FROM page_notices
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM page_notices x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_deliveries
-- So many rows of deliveries.
DELETE FROM deliveries
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM deliveries x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_channel_lists
-- So many rows of channel_lists.
DELETE FROM channel_lists
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM channel_lists x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_slack_channels
-- So many rows of slack_channels.
DELETE FROM slack_channels
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM slack_channels x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_slack_grants
-- So many rows of slack_grants.
DELETE FROM slack_grants
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM slack_grants x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_delivery_settings
-- So many rows of delivery_settings.
DELETE FROM delivery_settings
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM delivery_settings x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_notices
-- So many rows of notices.
DELETE FROM notices
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM notices x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_export_files
-- So many rows of export_files.
DELETE FROM export_files
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM export_files x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_report_exports
-- So many rows of report_exports.
DELETE FROM report_exports
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_exports x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_report_dates
-- So many rows of report_dates.
DELETE FROM report_dates
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_dates x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_reports
-- So many rows of reports.
DELETE FROM reports
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM reports x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_runs
-- So many rows of runs.
DELETE FROM runs
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM runs x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_previews
-- So many rows of previews.
DELETE FROM previews
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM previews x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_prepared_lists
-- So many rows of prepared_lists.
DELETE FROM prepared_lists
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM prepared_lists x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_usage_months
-- So many rows of usage_months.
DELETE FROM usage_months
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM usage_months x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_addon_purchases
-- So many rows of addon_purchases.
DELETE FROM addon_purchases
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM addon_purchases x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_addon_balances
-- So many rows of addon_balances.
DELETE FROM addon_balances
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM addon_balances x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_preferences
-- So many rows of preferences.
DELETE FROM preferences
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM preferences x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_integrations
-- So many rows of integrations.
DELETE FROM integrations
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM integrations x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_plans
-- So many rows of plans.
DELETE FROM plans
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM plans x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_workspaces
-- So many rows of workspaces.
DELETE FROM workspaces
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM workspaces x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_report_erasures
-- So many rows of report_erasures.
DELETE FROM report_erasures
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM report_erasures x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_person_runs
-- So many rows of person_runs.
DELETE FROM person_runs
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM person_runs x WHERE x.workspace_id = :workspace_id LIMIT :most));

-- name: erase_erased_calls
-- So many rows of erased_calls.
DELETE FROM erased_calls
WHERE workspace_id = :workspace_id AND ctid = ANY(ARRAY(SELECT x.ctid FROM erased_calls x WHERE x.workspace_id = :workspace_id LIMIT :most));
