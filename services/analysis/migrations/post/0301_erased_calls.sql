-- depends: 0300_erased_calls
-- The pair of 0300: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
