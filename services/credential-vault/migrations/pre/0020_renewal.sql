-- depends: 0010_vault
-- Credentials by OAuth, and what keeps their renewal single: a fence that rises with each attempt, and a lease.
SET lock_timeout = '3s';

ALTER TABLE credentials
    ADD COLUMN kind text NOT NULL DEFAULT 'basic' CHECK (kind IN ('basic', 'oauth')),
    -- What the provider calls the account that was connected: a name for people, no secret.
    ADD COLUMN account text NOT NULL DEFAULT '',
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN access_token bytea,
    ADD COLUMN refresh_token bytea,
    -- When the access token ends, and when it is to be renewed; without an end it is never renewed.
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN refresh_at timestamptz,
    -- Why it has to be reconnected, in words fit for the page.
    ADD COLUMN reason text NOT NULL DEFAULT '',
    ADD COLUMN fence bigint NOT NULL DEFAULT 0,
    ADD COLUMN leased_until timestamptz;

-- Only a connected credential holds ciphertext: a pair, or an access token with or without one to renew it.
ALTER TABLE credentials DROP CONSTRAINT credentials_check, DROP CONSTRAINT credentials_check1;
ALTER TABLE credentials
    ADD CONSTRAINT credentials_pair CHECK ((access_key IS NULL) = (secret IS NULL)),
    ADD CONSTRAINT credentials_one_kind CHECK (access_key IS NULL OR access_token IS NULL),
    ADD CONSTRAINT credentials_renewable CHECK (refresh_token IS NULL OR access_token IS NOT NULL),
    ADD CONSTRAINT credentials_held CHECK (
        (state IN ('connected', 'needs_reconnect')) = (access_key IS NOT NULL OR access_token IS NOT NULL));

-- What is due is looked for over all workspaces.
CREATE INDEX credentials_due ON credentials (refresh_at) WHERE refresh_at IS NOT NULL;
