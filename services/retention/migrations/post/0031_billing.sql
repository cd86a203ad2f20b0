-- depends: 0030_billing
-- The pair of 0030: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
