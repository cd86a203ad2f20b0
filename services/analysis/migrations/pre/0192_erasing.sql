-- depends: 0190_tombstones 0020_notices 0022_pauses 0042_remarks 0060_samples 0080_preferences 0082_prepared_lists 0140_exports 0146_reports_2 0148_model_requests 0152_deliveries 0160_left_out 0180_staff_reading
-- The fence around a workspace that is erased (libs/messaging, 0190), on each table that is emptied then; and the right to empty it.
SET lock_timeout = '3s';

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'report_findings', 'quotes', 'findings', 'usage', 'analyses', 'model_requests', 'run_calls', 'syntheses',
        'schedule_firings', 'schedules', 'page_notices', 'deliveries', 'channel_lists', 'slack_channels', 'slack_grants',
        'delivery_settings', 'notices', 'export_files', 'report_exports', 'report_dates', 'reports', 'runs', 'previews',
        'prepared_lists', 'usage_months', 'addon_purchases', 'addon_balances', 'preferences', 'integrations', 'plans',
        'workspaces'
    ] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
        -- What the application could not remove before, it can in a workspace with a tombstone alone.
        IF NOT has_table_privilege('analysis_app', relation, 'DELETE') THEN
            EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO analysis_app
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        END IF;
        EXECUTE format('GRANT DELETE ON %I TO analysis_app', relation);
    END LOOP;
END
$fence$;

-- The application writes down what it asks of models and never reads it; to erase it, it has to find it.
GRANT SELECT (workspace_id, id) ON model_requests TO analysis_app;
