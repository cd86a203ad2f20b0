-- depends: 0265_staff_leaves
-- transactional: false
-- By what the sealer finds steps that wait, and the export those of some positions. Beside whatever else uses the tables; what an attempt
-- that was broken off has left is made anew.
SET lock_timeout = '3s';

DROP INDEX CONCURRENTLY IF EXISTS staff_grants_waiting;
CREATE INDEX CONCURRENTLY staff_grants_waiting ON staff_grants (workspace_id) WHERE leaf_id IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS staff_grants_by_leaf;
CREATE INDEX CONCURRENTLY staff_grants_by_leaf ON staff_grants (workspace_id, leaf_id);
DROP INDEX CONCURRENTLY IF EXISTS staff_decisions_waiting;
CREATE INDEX CONCURRENTLY staff_decisions_waiting ON staff_decisions (workspace_id) WHERE leaf_id IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS staff_decisions_by_leaf;
CREATE INDEX CONCURRENTLY staff_decisions_by_leaf ON staff_decisions (workspace_id, leaf_id);
DROP INDEX CONCURRENTLY IF EXISTS staff_reads_waiting;
CREATE INDEX CONCURRENTLY staff_reads_waiting ON staff_reads (workspace_id) WHERE leaf_id IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS staff_reads_by_leaf;
CREATE INDEX CONCURRENTLY staff_reads_by_leaf ON staff_reads (workspace_id, leaf_id);
