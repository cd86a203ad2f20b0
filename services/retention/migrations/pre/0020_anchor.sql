-- depends: 0010_retention
-- When a workspace's billing months begin.
SET lock_timeout = '3s';

ALTER TABLE subscriptions ADD COLUMN anchored_at timestamptz NOT NULL DEFAULT now();
