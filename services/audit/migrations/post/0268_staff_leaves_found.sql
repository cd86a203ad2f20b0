-- depends: 0267_staff_leaves_found
-- The pair of 0267: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
