-- depends: 0060_staff_access
-- The pair of 0060: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
