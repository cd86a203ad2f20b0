-- depends: 0020_anchor
-- What Stripe says of a workspace's payments, what is bought here, and what is to be read there again.
SET lock_timeout = '3s';

-- The workspace's customer at Stripe and the subscription that counts, as they were read last.
CREATE TABLE billing_accounts (
    workspace_id text PRIMARY KEY,
    customer_id text NOT NULL CHECK (customer_id <> ''),
    customer_deleted boolean NOT NULL DEFAULT false,
    -- Empty, as is the status, where no subscription counts.
    subscription_id text NOT NULL DEFAULT '',
    item_id text NOT NULL DEFAULT '',
    schedule_id text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT '',
    plan text CHECK (plan IN ('starter', 'growth', 'scale')),
    period_end timestamptz,
    -- It ends then.
    ends_at timestamptz,
    -- Another plan follows then; free, where it ends.
    next_plan text CHECK (next_plan IN ('free', 'starter', 'growth', 'scale')),
    next_at timestamptz,
    -- A payment is missing: the plan is kept until then.
    grace_until timestamptz,
    -- Subscriptions that have not ended.
    live integer NOT NULL DEFAULT 0 CHECK (live >= 0),
    -- What people have to look at, in words.
    trouble text NOT NULL DEFAULT '',
    -- Empty until Stripe has been read.
    read_at timestamptz
);

-- What an admin set out to buy. Written before Stripe is asked, so that the id is the key which makes a repetition harmless there.
CREATE TABLE checkouts (
    workspace_id text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('plan', 'addon')),
    plan text CHECK (plan IN ('starter', 'growth', 'scale')),
    price_id text NOT NULL CHECK (price_id <> ''),
    packs integer NOT NULL DEFAULT 0 CHECK (packs >= 0),
    -- Of one pack, as it was offered.
    calls integer NOT NULL DEFAULT 0 CHECK (calls >= 0),
    user_id text NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Stripe's id of the checkout session. Empty until that is known.
    session_id text,
    -- When its calls were credited: once.
    credited_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT checkouts_session UNIQUE (workspace_id, session_id),
    CONSTRAINT checkouts_kind CHECK ((kind = 'plan') = (plan IS NOT NULL) AND (kind = 'addon') = (packs > 0) AND (kind = 'addon') = (calls > 0)),
    CONSTRAINT checkouts_credit CHECK (credited_at IS NULL OR kind = 'addon')
);

CREATE TABLE invoices (
    workspace_id text NOT NULL,
    invoice_id text NOT NULL CHECK (invoice_id <> ''),
    number text NOT NULL,
    status text NOT NULL,
    -- In the currency's smallest unit; less than 0 where something was given back.
    total bigint NOT NULL,
    currency text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, invoice_id)
);

-- What is to be read at Stripe: the workspace's subscriptions, a checkout session or an invoice. One row each, however often it is asked for.
CREATE TABLE readings (
    workspace_id text NOT NULL,
    subject text NOT NULL CHECK (subject = 'subscriptions' OR subject ~ '^(cs|in)_'),
    -- The customer that a webhook named, for a workspace whose own is not known.
    customer_id text NOT NULL DEFAULT '',
    -- Who wanted it last.
    cause text NOT NULL CHECK (cause IN ('webhook', 'web', 'system')),
    -- How often it was wanted. A reading that began before the last time does not settle it.
    wanted bigint NOT NULL DEFAULT 1,
    -- A failure was told of this invoice or session; it is audited once.
    failed boolean NOT NULL DEFAULT false,
    failure_told boolean NOT NULL DEFAULT false,
    -- When it is read next; empty when it is settled.
    next_at timestamptz DEFAULT now(),
    -- While somebody reads it.
    leased_until timestamptz,
    -- Rises with each claim: what an earlier one has read counts no more.
    fence bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    -- How the last reading ended, in words for operators.
    outcome text NOT NULL DEFAULT '',
    refused boolean NOT NULL DEFAULT false,
    asked_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, subject)
) WITH (fillfactor = 70);
CREATE INDEX readings_next ON readings (next_at) WHERE next_at IS NOT NULL;

-- Those that are on trial, each until it ends: who looks for the oldest goes through all of them, which are few, and nobody else.
CREATE INDEX subscriptions_trial ON subscriptions (workspace_id, changed_at) WHERE plan = 'trial';

DO $rows$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['billing_accounts', 'checkouts', 'invoices', 'readings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format($policy$CREATE POLICY workspace ON %I TO retention_app
            USING (workspace_id = current_setting('app.workspace_id'))
            WITH CHECK (workspace_id = current_setting('app.workspace_id'))$policy$, relation);
    END LOOP;
END
$rows$;

GRANT SELECT, INSERT, UPDATE ON billing_accounts, readings, invoices TO retention_app;
GRANT SELECT, INSERT, UPDATE (session_id, credited_at) ON checkouts TO retention_app;

-- The workers look for what is due over all workspaces; all else they read in the workspace.
CREATE POLICY sweep ON readings FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id, subject, next_at, leased_until, outcome, refused, asked_at) ON readings TO retention_sweep;
CREATE POLICY sweep ON subscriptions FOR SELECT TO retention_sweep USING (plan = 'trial');
GRANT SELECT (workspace_id, plan, changed_at) ON subscriptions TO retention_sweep;
-- All customers can be read again at any time.
CREATE POLICY sweep ON billing_accounts FOR SELECT TO retention_sweep USING (true);
GRANT SELECT (workspace_id) ON billing_accounts TO retention_sweep;
