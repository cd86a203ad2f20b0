-- depends: 0240_announcements
-- Retention's own rows are erased as the other services' are, by its sweep where messages are concerned: the pair takes the rights of before
-- away, once no process of the release before needs them.
SET lock_timeout = '3s';
