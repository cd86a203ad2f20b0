-- depends: 0254_recorded 0192_erasing 0060_staff_access
-- Each step of a staff access becomes a leaf of its workspace's log (docs/decisions/0018). Processes of before add steps without knowing of
-- it: to the sealer a step without a leaf is one that waits.
SET lock_timeout = '3s';

-- Under which id it stands in the log; null until the sealer has seen it.
ALTER TABLE staff_grants ADD COLUMN leaf_id uuid;
ALTER TABLE staff_decisions ADD COLUMN leaf_id uuid;
ALTER TABLE staff_reads ADD COLUMN leaf_id uuid;

-- Of a step nothing else can be changed, and whoever changed this would be told on by the log.
GRANT UPDATE (leaf_id) ON staff_grants, staff_decisions, staff_reads TO audit_app;
-- In which workspaces steps wait: the rows themselves open with the policies of 0266, once no process of before is left.
GRANT SELECT (workspace_id, leaf_id) ON staff_grants, staff_decisions, staff_reads TO audit_sweep;
