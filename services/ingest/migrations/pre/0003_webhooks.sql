-- depends: 0002_ingest
-- The webhooks of Stripe, Gong, HubSpot and Slack: which workspace they are about, and what has been heard already.
SET lock_timeout = '3s';

ALTER TABLE webhook_receipts DROP CONSTRAINT webhook_receipts_source_check;
ALTER TABLE webhook_receipts
    ADD CONSTRAINT webhook_receipts_source_check CHECK (source IN ('clerk', 'stripe', 'hubspot', 'slack'));

-- The provider's own id of the connected account, as the vault tells it: what webhooks of HubSpot and Slack name. One account may be connected
-- by several workspaces.
ALTER TABLE integrations ADD COLUMN account_id text NOT NULL DEFAULT '';
CREATE INDEX integrations_account ON integrations (provider, account_id) WHERE account_id <> '';
CREATE POLICY sweep ON integrations FOR SELECT TO ingest_sweep USING (account_id <> '' AND state <> 'disconnected');
GRANT SELECT (workspace_id, provider, account_id) ON integrations TO ingest_sweep;

-- Stripe's customers whose workspace is known, learned from an event that named both.
CREATE TABLE stripe_customers (
    workspace_id text NOT NULL,
    customer_id text NOT NULL CHECK (customer_id <> ''),
    PRIMARY KEY (workspace_id, customer_id)
);
CREATE INDEX stripe_customers_customer ON stripe_customers (customer_id);

-- Addresses that automation rules of a workspace's Gong send to, each with the public key that Gong shows for its rule.
CREATE TABLE gong_rules (
    workspace_id text NOT NULL,
    -- The last part of the address: made here, unguessable, and tells nobody whose it is.
    endpoint text NOT NULL CHECK (endpoint ~ '^[0-9a-f]{32}$'),
    -- Bare base64 of the key's DER, as Gong shows it; no secret.
    public_key text NOT NULL CHECK (public_key <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, endpoint)
);
CREATE INDEX gong_rules_endpoint ON gong_rules (endpoint);

-- Calls that Gong has told of by a webhook: a hint that there is something to fetch, never what is fetched.
CREATE TABLE noticed_calls (
    workspace_id text NOT NULL,
    call_id text NOT NULL CHECK (call_id <> ''),
    started_at timestamptz,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, call_id)
);

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['stripe_customers', 'gong_rules', 'noticed_calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO ingest_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT ON stripe_customers, noticed_calls TO ingest_app;
GRANT SELECT, INSERT, DELETE ON gong_rules TO ingest_app;

-- A webhook does not say whose it is: that is looked up over all workspaces, and everything else is done in the one that is found.
CREATE POLICY sweep ON stripe_customers FOR SELECT TO ingest_sweep USING (true);
GRANT SELECT (workspace_id, customer_id) ON stripe_customers TO ingest_sweep;
CREATE POLICY sweep ON gong_rules FOR SELECT TO ingest_sweep USING (true);
GRANT SELECT (workspace_id, endpoint, public_key) ON gong_rules TO ingest_sweep;
