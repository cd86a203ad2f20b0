-- depends: 0240_export_requests
-- Notices tell of new sub-processors as well: `provider` is then 'subprocessor:' and its name in the register, `credential_version` the day on
-- which it was listed (20261123), and the rest stands beside it. What is there already is looked through in the pair of this.
SET lock_timeout = '3s';

ALTER TABLE notices
    ADD COLUMN company text,
    ADD COLUMN purpose text,
    -- The first day on which data may go there: until then there is something to be told.
    ADD COLUMN in_effect_from date,
    DROP CONSTRAINT notices_provider_check,
    ADD CONSTRAINT notices_provider_check CHECK (provider IN ('gong', 'hubspot') OR starts_with(provider, 'subprocessor:')) NOT VALID,
    ADD CONSTRAINT notices_announced CHECK (
        num_nonnulls(company, purpose, in_effect_from) = CASE WHEN starts_with(provider, 'subprocessor:') THEN 3 ELSE 0 END
    ) NOT VALID;
