-- depends: 0030_reading
-- The code before 0030 read by type with this one; entries_of_type has its place.
SET lock_timeout = '3s';

DROP INDEX entries_by_type;
