-- depends: 0020_renewal
-- Which key of the keyset wraps each data key, how often it was made anew, and whether it was destroyed; and the manifest of backups.
SET lock_timeout = '3s';

ALTER TABLE data_keys
    ALTER COLUMN wrapped DROP NOT NULL,
    -- The id of the keyset's key, as it stands in the wrapped key as well.
    ADD COLUMN key_id bigint CHECK (key_id BETWEEN 1 AND 4294967295),
    -- Counts up with each change: what was read as one generation is not written as another.
    ADD COLUMN generation bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
    ADD COLUMN rewrapped_at timestamptz,
    -- A destroyed key leaves its row behind, so that no new one is made without somebody's intention.
    ADD COLUMN destroyed_at timestamptz,
    ADD CONSTRAINT data_keys_destroyed CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    ADD CONSTRAINT data_keys_nothing_left CHECK (destroyed_at IS NULL OR key_id IS NULL);

-- Not even the owner sees past forced row security; it is forced again before anybody else sees the table.
ALTER TABLE data_keys NO FORCE ROW LEVEL SECURITY;
UPDATE data_keys
SET key_id = ('x' || encode(substring(decode(convert_from(wrapped, 'UTF8')::json ->> 'encryptedKeyset', 'base64') FROM 2 FOR 4), 'hex'))
    ::bit(32)::bigint
WHERE key_id IS NULL AND wrapped IS NOT NULL;
ALTER TABLE data_keys FORCE ROW LEVEL SECURITY;

GRANT UPDATE (wrapped, key_id, generation, created_at, rewrapped_at, destroyed_at) ON data_keys TO credential_vault_app;

-- Rewrapping, the census and the checks at the start go through all workspaces; no sweep reads a wrapped key.
CREATE POLICY sweep ON data_keys FOR SELECT TO credential_vault_sweep USING (true);
GRANT SELECT (workspace_id, key_id, created_at, destroyed_at) ON data_keys TO credential_vault_sweep;

-- Backups of the whole database, with the keys they need: these keys stay until the backup is gone.
CREATE TABLE backups (
    id uuid PRIMARY KEY,
    taken_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    key_ids bigint[] NOT NULL,
    CHECK (expires_at > taken_at)
);
ALTER TABLE backups ENABLE ROW LEVEL SECURITY;
ALTER TABLE backups FORCE ROW LEVEL SECURITY;
CREATE POLICY sweep ON backups TO credential_vault_sweep USING (true) WITH CHECK (true);
GRANT SELECT, INSERT (id, expires_at, key_ids) ON backups TO credential_vault_sweep;
