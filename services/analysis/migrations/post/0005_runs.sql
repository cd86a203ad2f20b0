-- depends: 0004_projections
-- The pair of 0002: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
