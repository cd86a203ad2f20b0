"""Reports with a canary in every column that tells of somebody, for tests of what is left of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from analysis.domain.request import ReportId, RunId
from architecture.erasure.rules import rules_of
from core.ids import WorkspaceId
from integration.analysis.world import ACME, World

RULES = rules_of("analysis")
assert RULES.report is not None
ERASED: Mapping[str, str] = RULES.report.erased

# Rows that a run leaves only where there are schedules, Slack or people who export.
_BESIDE = """
INSERT INTO schedules (workspace_id, id, state, version, name, request, cap, range, cadence, minute_of_day, next_firing_at, created_by)
VALUES ('{w}', '{run}', 'active', 1, 'Weekly', '{{}}', true, 'last_7_days', 'daily', 1, '2026-01-01Z', 'user_1');
INSERT INTO schedule_firings (workspace_id, schedule_id, planned_at, outcome, run_id, fired_at)
VALUES ('{w}', '{run}', '2026-01-01Z', 'started', '{run}', '2026-01-01Z');
INSERT INTO slack_grants (workspace_id, id, state) VALUES ('{w}', '{run}', 'asked');
INSERT INTO deliveries (workspace_id, id, run_id, kind, report_id, channel_id, channel_name, state, grant_id)
VALUES ('{w}', '{run}', '{run}', 'report', '{report}', 'C01', '', 'ready', '{run}');
INSERT INTO report_exports (workspace_id, report_id, number, format, exported_by, version) VALUES ('{w}', '{report}', 1, 'csv', '', 1);
INSERT INTO export_files (workspace_id, report_id, format, version, report_created_at, done_at, object_name, sha256, size_bytes)
VALUES ('{w}', '{report}', 'csv', 1, now(), now(), 'exports/1.csv', repeat('0', 64), 1)
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A report with a canary in every column that tells of somebody."""

    workspace: WorkspaceId
    run: RunId
    report: ReportId
    canary: str

    @property
    def key(self) -> Mapping[str, uuid.UUID]:
        """What each column that names a report or a run holds."""
        return {"run_id": self.run, "report_id": self.report, "id": self.run}


async def written(world: World, canary: str, workspace: WorkspaceId = ACME, run: RunId | None = None) -> Written:
    """A report, of a `run` or of a new one, with rows in every table that has a rule, and a file."""
    run = run or await world.finished_run(workspace_id=workspace)
    report = (await world.desk.run(workspace, run)).report_id
    assert report is not None
    made = Written(workspace, run, report, canary)
    await world.objects.workspace(workspace).put(f"exports/{report}/1-{canary}.csv", canary.encode())
    async with world.looking() as connection:
        await connection.execute(_BESIDE.format(w=workspace, run=run, report=report))
        for table, column in ERASED.items():
            await _mark(connection, made, table, column)
    return made


async def _mark(connection: asyncpg.Connection[asyncpg.Record], made: Written, table: str, column: str) -> None:
    types = await connection.fetch(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1",
        table,
    )
    kinds = {row["column_name"]: row["data_type"] for row in types}
    values = {"jsonb": f"'[\"{made.canary}\"]'", "tsvector": f"to_tsvector('simple', '{made.canary}')"}
    changes = ["workspace_id = workspace_id"] + [
        f"{name} = {values.get(kinds[name], repr(made.canary))}" for name in RULES.tables[table].telling
    ]
    done = await connection.execute(
        f"UPDATE {table} SET {', '.join(changes)} WHERE workspace_id = $1 AND {column} = $2",
        made.workspace,
        made.key[column],
    )
    assert done != "UPDATE 0", f"{table} has no row of the report"
