-- depends: 0140_exports
-- The pair of 0140: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
