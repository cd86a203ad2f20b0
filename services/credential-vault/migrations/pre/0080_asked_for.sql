-- depends: 0070_revocations
-- From when on the check of a credential may be brought forward: services that say it was refused do not have its provider asked time and again.
SET lock_timeout = '3s';

ALTER TABLE credentials ADD COLUMN check_not_before timestamptz NOT NULL DEFAULT '-infinity';
