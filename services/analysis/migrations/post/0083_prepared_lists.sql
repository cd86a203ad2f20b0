-- depends: 0082_prepared_lists
-- The pair of 0082: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
