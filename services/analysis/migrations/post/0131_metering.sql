-- depends: 0130_metering
-- The pair of 0130: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
