-- depends: 0020_gong 0050_job_grants
-- What a fetch needs for HubSpot: a request budget of its own, and what the run is told of it once its calls are announced.
SET lock_timeout = '3s';

ALTER TABLE provider_budgets
    DROP CONSTRAINT provider_budgets_provider_check,
    ADD CONSTRAINT provider_budgets_provider_check CHECK (provider IN ('gong', 'hubspot'));

ALTER TABLE jobs
    -- What went without its deals and why, in words fit for the page.
    ADD COLUMN remarks text[] NOT NULL DEFAULT '{}';

ALTER TABLE job_grants
    -- How often it was asked for; a grant that is over whenever it comes is given up in the end.
    ADD COLUMN asks integer NOT NULL DEFAULT 1 CHECK (asks > 0);
