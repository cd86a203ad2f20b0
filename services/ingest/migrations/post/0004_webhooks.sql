-- depends: 0003_webhooks
-- The pair of 0003: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
