-- depends: 0190_tombstones
-- When all was erased: a verification looks for objects once whoever was at work then has ended.
SET lock_timeout = '3s';

ALTER TABLE tombstones ADD COLUMN erased_at timestamptz;

DO $roles$
BEGIN
    EXECUTE format('GRANT UPDATE (erased_at) ON tombstones TO %I', regexp_replace(current_user, '_owner$', '') || '_app');
END
$roles$;
