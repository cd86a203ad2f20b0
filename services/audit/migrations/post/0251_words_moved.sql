-- depends: 0231_words_by_second
-- The pair of 0250: nothing is left to be moved, and the owner is held back like everybody.
SET lock_timeout = '3s';

DROP POLICY moving ON word_entries;
