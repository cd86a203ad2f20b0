-- depends: 0265_staff_leaves
-- From now on steps of staff access are sealed, those of before first. An export by a process of before could not tell what they are, and
-- would not verify.
SET lock_timeout = '3s';

CREATE POLICY sweep ON staff_grants FOR SELECT TO audit_sweep USING (true);
CREATE POLICY sweep ON staff_decisions FOR SELECT TO audit_sweep USING (true);
CREATE POLICY sweep ON staff_reads FOR SELECT TO audit_sweep USING (true);
