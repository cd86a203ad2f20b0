-- depends: 0093_provider_user
-- The secret that signs the audit log's stream to a customer's SIEM: a credential like the others, in a slot of its own.
SET lock_timeout = '3s';

ALTER TABLE credentials DROP CONSTRAINT credentials_provider_check, DROP CONSTRAINT credentials_kind_check;
ALTER TABLE credentials
    ADD CONSTRAINT credentials_provider_check CHECK (provider IN ('gong', 'hubspot', 'slack', 'siem')) NOT VALID,
    ADD CONSTRAINT credentials_kind_check CHECK (kind IN ('basic', 'oauth', 'signing')) NOT VALID,
    -- `access_key` holds the secret, `secret` the one before it.
    ADD CONSTRAINT credentials_signing CHECK (access_key IS NULL OR (provider = 'siem') = (kind = 'signing')) NOT VALID;
