-- depends: 0190_tombstones 0050_streams 0060_staff_access
-- The fence around a workspace that is erased (libs/messaging, 0190), on each table that is emptied then; and the right to empty it.
SET lock_timeout = '3s';

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'staff_reads', 'staff_decisions', 'staff_grants', 'stream_grants', 'streams', 'entry_words', 'entry_names', 'entries',
        'workspaces'
    ] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
        -- What the application could not remove before, it can in a workspace with a tombstone alone.
        IF NOT has_table_privilege('audit_app', relation, 'DELETE') THEN
            EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO audit_app
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        END IF;
        EXECUTE format('GRANT DELETE ON %I TO audit_app', relation);
    END LOOP;
END
$fence$;

-- What was recorded before still gets its place in the log, for which salts are made, until the log itself is erased.
CREATE TRIGGER fence AFTER INSERT ON log_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased('erased');
