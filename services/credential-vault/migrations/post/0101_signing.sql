-- depends: 0100_signing
-- The pair of 0100: the rows that were there before it hold to its rules.
SET lock_timeout = '3s';

ALTER TABLE credentials VALIDATE CONSTRAINT credentials_provider_check;
ALTER TABLE credentials VALIDATE CONSTRAINT credentials_kind_check;
ALTER TABLE credentials VALIDATE CONSTRAINT credentials_signing;
