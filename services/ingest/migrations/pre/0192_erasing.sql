-- depends: 0190_tombstones 0010_refused 0060_listings 0072_upkeep 0074_going_on 0180_staff_reading
-- The fence around a workspace that is erased (libs/messaging, 0190), on each table that is emptied then; and the right to empty it.
SET lock_timeout = '3s';

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'run_calls', 'run_pages', 'job_grants', 'jobs', 'listed_calls', 'listings', 'held_calls', 'noticed_calls',
        'provider_budgets', 'gong_rules', 'stripe_customers', 'webhook_receipts', 'integrations', 'intents', 'invitations',
        'api_keys', 'members', 'workspaces'
    ] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
        -- What the application could not remove before, it can in a workspace with a tombstone alone.
        IF NOT has_table_privilege('ingest_app', relation, 'DELETE') THEN
            EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO ingest_app
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        END IF;
        EXECUTE format('GRANT DELETE ON %I TO ingest_app', relation);
    END LOOP;
END
$fence$;
