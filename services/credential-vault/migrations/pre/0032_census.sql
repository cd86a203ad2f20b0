-- depends: 0030_keys 0070_revocations
-- How many fields of a row are encrypted: the census counts them without reading any.
SET lock_timeout = '3s';

ALTER TABLE credentials
    ADD COLUMN fields smallint GENERATED ALWAYS AS (num_nonnulls(access_key, secret, access_token, refresh_token)) STORED;
ALTER TABLE revocations
    ADD COLUMN fields smallint GENERATED ALWAYS AS (num_nonnulls(access_token, refresh_token)) STORED;

CREATE POLICY census ON credentials FOR SELECT TO credential_vault_sweep USING (true);
GRANT SELECT (workspace_id, fields) ON credentials TO credential_vault_sweep;
GRANT SELECT (workspace_id, fields) ON revocations TO credential_vault_sweep;
