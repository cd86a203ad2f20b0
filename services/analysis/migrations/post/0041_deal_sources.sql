-- depends: 0040_deal_sources
-- The pair of 0040: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
