-- depends: 0060_sub_processor_notices
-- The pair of 0060: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
