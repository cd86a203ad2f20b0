-- depends: 0252_forgotten
-- The pair of 0252: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
