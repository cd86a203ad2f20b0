-- depends: 0092_provider_user
-- The pair of 0092: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
