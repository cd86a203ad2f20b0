-- depends: 0001_ingest
-- Which version of the credential a job was granted, and which one its provider has refused.
SET lock_timeout = '3s';

ALTER TABLE jobs
    -- 0 for a grant that came before versions were kept; the vault's begin at 1.
    ADD COLUMN credential_version bigint NOT NULL DEFAULT 0,
    -- Since the job last came forward: a version that is refused twice fails it.
    ADD COLUMN refused_version bigint;
