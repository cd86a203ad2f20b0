-- depends: 0003_webhooks 0070_members
-- Webhooks heard long ago are forgotten: no sender can send one again that is so old.
SET lock_timeout = '3s';

CREATE INDEX webhook_receipts_received ON webhook_receipts (received_at);
CREATE INDEX noticed_calls_noticed ON noticed_calls (noticed_at);

-- The sweep forgets them in all workspaces; it reads nothing but when they came, and sees none that is younger. The days are those of
-- ingest.domain.webhooks.KEPT_DAYS.
CREATE POLICY sweep ON webhook_receipts TO ingest_sweep USING (received_at < now() - interval '100 days') WITH CHECK (false);
GRANT SELECT (received_at), DELETE ON webhook_receipts TO ingest_sweep;
CREATE POLICY sweep ON noticed_calls TO ingest_sweep USING (noticed_at < now() - interval '100 days') WITH CHECK (false);
GRANT SELECT (noticed_at), DELETE ON noticed_calls TO ingest_sweep;
