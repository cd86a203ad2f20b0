-- depends: 0180_staff_reading
-- Which request an export was asked for with, so that the same one leads to the same export. None where it had no key, or is older.
SET lock_timeout = '3s';

ALTER TABLE report_exports ADD COLUMN request_id uuid;
