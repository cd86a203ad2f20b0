-- depends: 0280_person_requests
-- The pair of 0280: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
