-- depends: 0170_finding_search
-- The pair of 0170: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
