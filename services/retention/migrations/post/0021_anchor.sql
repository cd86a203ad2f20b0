-- depends: 0020_anchor
-- The pair of 0020: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
