-- depends: 0280_forgotten_people
-- The pair of 0280: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
