-- depends: 0002_runs
-- Where some of the calls that a preview has counted can be looked at.
SET lock_timeout = '3s';

ALTER TABLE previews
    ADD COLUMN sample_name text,
    ADD COLUMN sample_sha256 text CHECK (sample_sha256 ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT previews_sample CHECK ((sample_name IS NULL) = (sample_sha256 IS NULL));
