-- depends: 0190_tombstones 0030_billing 0060_sub_processor_notices 0180_staff_reading
-- The fence around a workspace that is erased (libs/messaging, 0190), on each table that is emptied then; and the right to empty it.
SET lock_timeout = '3s';

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'sub_processor_notices', 'readings', 'invoices', 'checkouts', 'billing_accounts', 'subscriptions', 'workspaces'
    ] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
        -- What the application could not remove before, it can in a workspace with a tombstone alone.
        IF NOT has_table_privilege('retention_app', relation, 'DELETE') THEN
            EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO retention_app
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        END IF;
        EXECUTE format('GRANT DELETE ON %I TO retention_app', relation);
    END LOOP;
END
$fence$;
