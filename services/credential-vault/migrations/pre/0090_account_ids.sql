-- depends: 0081_asked_for
-- The provider's own id of the account that was connected: by it ingest finds the workspace that a webhook is about. Credentials that are
-- there get theirs when they are connected again.
SET lock_timeout = '3s';

ALTER TABLE credentials ADD COLUMN account_id text NOT NULL DEFAULT '';
