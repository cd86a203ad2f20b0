-- depends: 0242_announcements
-- The pair of 0242: nothing is left to remove after its roll-out.
SET lock_timeout = '3s';
