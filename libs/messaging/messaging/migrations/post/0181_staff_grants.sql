-- depends: 0180_staff_grants
-- The pair of 0180: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
