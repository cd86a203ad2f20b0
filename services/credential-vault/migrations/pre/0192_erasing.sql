-- depends: 0190_tombstones 0034_quiet 0040_renewals 0050_oauth_states 0080_asked_for 0090_account_ids 0092_provider_user 0100_signing
-- The fence around a workspace that is erased (libs/messaging, 0190), on each table that is emptied then; and the right to empty it.
SET lock_timeout = '3s';

DO $fence$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'oauth_states', 'access_journal', 'renewals', 'credentials'
    ] LOOP
        EXECUTE format('CREATE TRIGGER fence AFTER INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased()', relation);
        -- What the application could not remove before, it can in a workspace with a tombstone alone.
        IF NOT has_table_privilege('credential_vault_app', relation, 'DELETE') THEN
            EXECUTE format($policy$CREATE POLICY erasing ON %I AS RESTRICTIVE FOR DELETE TO credential_vault_app
                USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')))$policy$, relation);
        END IF;
        EXECUTE format('GRANT DELETE ON %I TO credential_vault_app', relation);
    END LOOP;
END
$fence$;

-- A token that is handed in while the workspace waits for its revocations is still revoked; once the data key is gone, none comes any more.
CREATE TRIGGER fence AFTER INSERT ON revocations FOR EACH STATEMENT EXECUTE FUNCTION refuse_erased('closed', 'erased');
CREATE POLICY erasing ON revocations AS RESTRICTIVE FOR DELETE TO credential_vault_app
    USING (EXISTS (SELECT FROM tombstones t WHERE t.workspace_id = current_setting('app.workspace_id')));
GRANT DELETE ON revocations TO credential_vault_app;

-- A new key would let the workspace begin again; the old one may still be moved, until it is destroyed.
CREATE TRIGGER fence AFTER INSERT ON data_keys FOR EACH ROW WHEN (NEW.wrapped IS NOT NULL) EXECUTE FUNCTION refuse_erased_row();
CREATE TRIGGER fence_again AFTER UPDATE ON data_keys FOR EACH ROW
    WHEN (OLD.wrapped IS NULL AND NEW.wrapped IS NOT NULL) EXECUTE FUNCTION refuse_erased_row();
