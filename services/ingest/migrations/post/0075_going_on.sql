-- depends: 0074_going_on
-- The pair of 0074: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
