-- depends: 0180_staff_reading
-- The pair of 0241.
SET lock_timeout = '3s';
