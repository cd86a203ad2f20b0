-- depends: 0032_census
-- Disabling a key waits for a quiet time after the last rewrapping, and a backup that was noted lately needs the new primary key as well.
SET lock_timeout = '3s';

GRANT SELECT (rewrapped_at) ON data_keys TO credential_vault_sweep;
GRANT UPDATE (key_ids) ON backups TO credential_vault_sweep;
