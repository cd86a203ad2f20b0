-- depends: 0091_account_ids
-- Who connected, by the provider's own id for that person: Slack's, so that a notice reaches them. Empty for what was connected before, and elsewhere.
SET lock_timeout = '3s';

ALTER TABLE credentials ADD COLUMN provider_user text NOT NULL DEFAULT '';
