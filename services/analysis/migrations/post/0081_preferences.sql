-- depends: 0080_preferences
-- The pair of 0080: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
