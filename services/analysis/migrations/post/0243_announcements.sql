-- depends: 0242_announcements
-- The pair of 0242: what was there before keeps the new rules as well.
SET lock_timeout = '3s';

ALTER TABLE notices VALIDATE CONSTRAINT notices_provider_check;
ALTER TABLE notices VALIDATE CONSTRAINT notices_announced;
