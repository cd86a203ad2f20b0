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
        EXECUTE format('GRANT DELETE ON %I TO retention_app', relation);
    END LOOP;
END
$fence$;
