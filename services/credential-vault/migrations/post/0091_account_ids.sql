-- depends: 0090_account_ids
-- The pair of 0090: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
