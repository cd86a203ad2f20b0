-- depends: 0252_forgotten
-- What is new is counted by the log's queue and seals from now on.
SET lock_timeout = '3s';
