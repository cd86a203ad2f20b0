"""No migration locks a large table for long: what reads or writes every row is done beside the table's use, or in later steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from architecture.locks import long_locks
from architecture.test_migrations import MESSAGING, folder_of
from contracts.registry import SERVICES

# Landed before the first release: nobody has had any of these tables yet with rows in them. Nothing is ever added here, but for what a rule
# that came later finds in them.
BEFORE_THE_FIRST_RELEASE = {
    "analysis": {
        "0040_deal_sources",
        "0060_samples",
        "0130_metering",
        "0146_reports_2",
        "0150_turns",
        "0152_deliveries",
        "0160_left_out",
        "0170_finding_search",
        "0210_traceparent",
    },
    "audit": {"0012_entries_by_month", "0015_log", "0030_reading"},
    "credential-vault": {
        "0020_renewal",
        "0030_keys",
        "0031_keys",
        "0032_census",
        "0050_oauth_states",
        "0070_revocations",
    },
    "ingest": {
        "0003_webhooks",
        "0020_gong",
        "0052_hubspot",
        "0070_members",
        "0072_upkeep",
        "0074_going_on",
        "0210_traceparent",
    },
    "messaging": set(),
    "retention": {"0030_billing"},
}


def folders() -> dict[str, Path]:
    return {service: folder_of(service) for service in SERVICES} | {"messaging": MESSAGING}


@pytest.mark.parametrize("project", sorted(folders()))
def test_no_migration_locks_a_table_while_it_is_read(project: str) -> None:
    found = {
        path.stem: problems
        for path in sorted(folders()[project].glob("p*/*.sql"))
        if (problems := long_locks(path.read_text()))
    }
    landed = BEFORE_THE_FIRST_RELEASE[project]
    assert {stem: problems for stem, problems in found.items() if stem not in landed} == {}
    assert landed <= found.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ON runs (state)",
        "CREATE UNIQUE INDEX by_day ON runs (day)",
        "ALTER TABLE runs ADD CONSTRAINT small CHECK (calls < 10)",
        "ALTER TABLE runs ADD FOREIGN KEY (workspace_id, plan) REFERENCES plans (workspace_id, id)",
        "ALTER TABLE runs ADD CONSTRAINT once UNIQUE (workspace_id, day)",
        "ALTER TABLE runs ADD PRIMARY KEY (workspace_id, id)",
        "ALTER TABLE runs ALTER COLUMN plan SET NOT NULL",
        "ALTER TABLE runs ALTER COLUMN calls TYPE bigint",
        "ALTER TABLE runs ADD COLUMN id2 uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE runs ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp()",
        "ALTER TABLE runs ADD COLUMN twice integer GENERATED ALWAYS AS (calls * 2) STORED",
        "UPDATE runs SET plan = 'free'",
        "DELETE FROM runs",
        "REINDEX TABLE runs",
        "ALTER TABLE runs ADD COLUMN calls integer CHECK (calls > 0)",
        "ALTER TABLE runs ADD COLUMN plan text REFERENCES plans (name)",
        "ALTER TABLE runs ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE runs SET UNLOGGED",
        "ALTER TABLE runs ATTACH PARTITION runs_1 FOR VALUES FROM (1) TO (2)",
        "ALTER TABLE runs ADD CONSTRAINT small CHECK (calls < 10) NOT VALID; ALTER TABLE runs VALIDATE CONSTRAINT small",
        "ALTER TABLE runs ADD COLUMN plan text; UPDATE runs SET plan = 'free' WHERE plan IS NULL",
        "ALTER TABLE runs ADD COLUMN plan text; INSERT INTO plans SELECT DISTINCT plan FROM runs",
        "DO $$ BEGIN UPDATE runs SET plan = 'free' WHERE plan IS NULL; END $$",
        "ALTER TABLE runs NO FORCE ROW LEVEL SECURITY; INSERT INTO tags (id) SELECT id FROM runs",
        "CREATE POLICY moving ON runs USING (true); INSERT INTO tags (id) SELECT id FROM (SELECT id FROM runs) AS r",
    ],
)
def test_what_locks_for_long_is_found(statement: str) -> None:
    assert len(long_locks(f"SET lock_timeout = '3s'; {statement};")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY by_state ON runs (state)",
        "ALTER TABLE runs ADD CONSTRAINT small CHECK (calls < 10) NOT VALID",
        "ALTER TABLE runs VALIDATE CONSTRAINT small",
        "ALTER TABLE runs ADD CONSTRAINT once UNIQUE USING INDEX by_day",
        "ALTER TABLE runs ADD COLUMN plan text",
        "ALTER TABLE runs ADD COLUMN plan text NOT NULL DEFAULT 'free'",
        "ALTER TABLE runs ADD COLUMN at timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE runs DROP COLUMN plan",
        "CREATE TABLE tags (id uuid, CHECK (id IS NOT NULL)); CREATE INDEX ON tags (id); ALTER TABLE tags ADD UNIQUE (id)",
        "UPDATE runs SET plan = 'free' WHERE plan IS NULL",
        "ALTER TABLE runs ADD COLUMN plan text; INSERT INTO plans (name) VALUES ('free')",
        "CREATE TABLE tags (id uuid); ALTER TABLE tags ENABLE ROW LEVEL SECURITY; INSERT INTO tags SELECT id FROM runs",
        "DO $$ BEGIN EXECUTE 'CREATE TRIGGER fence AFTER INSERT ON runs EXECUTE FUNCTION refuse_erased()'; END $$",
        "INSERT INTO tags (id) SELECT id FROM runs; DROP TABLE runs",
    ],
)
def test_what_does_not_is_let_through(statement: str) -> None:
    assert long_locks(f"SET lock_timeout = '3s'; {statement};") == []


def test_steps_of_their_own_keep_no_lock() -> None:
    checked = (
        "ALTER TABLE runs ADD CONSTRAINT small CHECK (calls < 9) NOT VALID; ALTER TABLE runs VALIDATE CONSTRAINT small;"
    )
    steps = f"-- transactional: false\nSET lock_timeout = '3s'; {checked}"
    assert long_locks(steps) == []
    assert len(long_locks(steps.replace("false", "true"))) == 1
