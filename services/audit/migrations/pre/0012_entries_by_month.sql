-- depends: 0010_audit
-- Entries live in a partition for each month. An id is a uuid7, so that ranges of ids are ranges of time and the primary key, by which adding
-- twice is adding once, stays what it is. What was there becomes the first partition where it lies: nothing is copied.
SET lock_timeout = '3s';

ALTER TABLE entries RENAME TO entries_first;
ALTER TABLE entries_first RENAME CONSTRAINT entries_pkey TO entries_first_pkey;
ALTER INDEX entries_newest RENAME TO entries_first_newest;
ALTER INDEX entries_by_type RENAME TO entries_first_by_type;
-- A partition is reached through its parent only.
REVOKE ALL ON entries_first FROM audit_app;

CREATE TABLE entries (
    LIKE entries_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (workspace_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX entries_newest ON entries (workspace_id, occurred_at DESC, id DESC);
CREATE INDEX entries_by_type ON entries (workspace_id, type, occurred_at DESC, id DESC);
ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE entries FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON entries TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));
GRANT SELECT, INSERT ON entries TO audit_app;

-- What belongs to no month that has a partition yet, or has an id that is no uuid7.
CREATE TABLE entries_stray PARTITION OF entries DEFAULT;
ALTER TABLE entries_stray ENABLE ROW LEVEL SECURITY;
ALTER TABLE entries_stray FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON entries_stray TO audit_app
    USING (workspace_id = current_setting('app.workspace_id'))
    WITH CHECK (workspace_id = current_setting('app.workspace_id'));

DO $first$
DECLARE
    next_month timestamptz := (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    -- The lowest id of a uuid7 made then: RFC 9562 puts the milliseconds since 1970 into the first 48 bits.
    bound uuid := (lpad(to_hex((extract(epoch FROM next_month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
BEGIN
    -- Forced row security holds the owner back as well; nobody else sees the table before this transaction is over.
    ALTER TABLE entries_first NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE entries_stray NO FORCE ROW LEVEL SECURITY;
    WITH moved AS (DELETE FROM entries_first WHERE id >= bound RETURNING *)
    INSERT INTO entries_stray SELECT * FROM moved;
    ALTER TABLE entries_first FORCE ROW LEVEL SECURITY;
    ALTER TABLE entries_stray FORCE ROW LEVEL SECURITY;
    EXECUTE format('ALTER TABLE entries ATTACH PARTITION entries_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END
$first$;
