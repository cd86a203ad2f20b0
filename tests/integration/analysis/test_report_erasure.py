"""One report is erased: all that the manifest says is of it, nothing of the report beside it; nothing that comes late brings it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import pytest
from msgspec.structs import replace

from analysis.domain.request import ReportId
from analysis.exporting.formats import CONTENT_VERSION, Format
from analysis.store import report_erasure as store
from analysis.store.erasing import show_everything
from analysis.workers.exports import ExportWork
from integration.analysis.report_requests import erase
from integration.analysis.reports import ERASED, written
from integration.analysis.world import ACME, RIVAL, World
from messaging import Verdict

# A file that somebody is to make.
_ASKED = """
INSERT INTO export_files (workspace_id, report_id, format, version, report_created_at, lease_until)
VALUES ('{w}', '{report}', 'json', {version}, now(), now() - interval '1 second')
"""

# What is written about an erasure and about messages.
_ABOUT = {"report_tombstones", "report_erasures", "outbox"}


@dataclass(slots=True)
class Meanwhile:
    """Makes a file while its report is erased."""

    world: World
    report: ReportId
    erased: bool = False

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        del document, kind
        await erase(self.world, self.report)
        self.erased = True
        return b"made"


async def test_all_that_is_of_the_report_goes_and_nothing_of_another(world: World) -> None:
    mine, beside = await written(world, "canarymine"), await written(world, "canarybeside")
    other = await written(world, "canaryother", RIVAL)
    before = await world.everything()
    files = dict(world.objects.content)
    done = await erase(world, mine.report)

    after = await world.everything()
    assert {table for table, rows in after.items() if any("canarymine" in row for row in rows)} == set()
    told = str(mine.run), str(mine.report)
    for table in before.keys() - _ABOUT:
        gone = [row for row in before[table] if row not in after[table]]
        assert all(any(name in row for name in told) for row in gone), table
        assert bool(gone) == (table in ERASED), table
        assert [row for row in after[table] if row not in before[table]] == [], table
    assert done.rows.keys() == ERASED.keys()
    assert sum(done.rows.values()) == sum(len(before[table]) - len(after[table]) for table in ERASED)
    assert done.objects == 1
    assert files.keys() - world.objects.content.keys() == {f"workspaces/{ACME}/exports/{mine.report}/1-canarymine.csv"}
    for kept in (beside, other):
        assert any(kept.canary in row for row in after["quotes"])

    again = await erase(world, mine.report)
    assert replace(again, barrier=None) == replace(done, barrier=None)


async def test_without_a_tombstone_the_application_may_not_remove_a_reports_rows(world: World) -> None:
    mine = await written(world, "canarymine")
    before = await world.everything()
    unasked = store.ReportTombstone(mine.report, mine.run, datetime.now(UTC), None, {}, 0, None)
    async with world.db.workspace(ACME) as tx:
        await show_everything(tx)
        assert [await store.delete(tx, one, unasked, 10) for one in store.statements(world.db)] == [0] * len(ERASED)
    assert await world.everything() == before


async def test_nothing_of_it_can_be_added_again_and_the_triggers_see_to_that(world: World) -> None:
    mine = await written(world, "canarymine")
    async with world.looking() as connection:
        await connection.execute("CREATE TEMP TABLE copies (name text, whole jsonb)")
        for table, column in ERASED.items():
            copy = f"INSERT INTO copies SELECT '{table}', to_jsonb(t) FROM {table} t WHERE workspace_id = $1 AND {column} = $2"
            await connection.execute(copy, ACME, mine.key[column])
        await erase(world, mine.report)
        undone = connection.transaction()
        await undone.start()
        for row in await connection.fetch(
            "SELECT conrelid::regclass::text AS name, conname FROM pg_constraint WHERE contype = 'f' "
            "AND connamespace = 'public'::regnamespace AND conrelid::regclass::text = ANY ($1)",
            list(ERASED),
        ):
            await connection.execute(f"ALTER TABLE {row['name']} DROP CONSTRAINT {row['conname']}")
        for table in ERASED:
            copied = (
                f"SELECT r.* FROM copies, jsonb_populate_record(NULL::{table}, whole) r WHERE name = '{table}' LIMIT 1"
            )
            back = f"INSERT INTO {table} {copied}"
            with pytest.raises(asyncpg.PostgresError, match="the report is erased"):
                async with connection.transaction():
                    await connection.execute(back)
            await connection.execute(f"DROP TRIGGER fence_report ON {table}")
            assert await connection.execute(back) == "INSERT 0 1", table
        await undone.rollback()


async def test_what_comes_late_is_dropped(world: World) -> None:
    mine, beside = await written(world, "canarymine"), await written(world, "canarybeside")
    await erase(world, mine.report)
    before = await world.everything()
    late = [
        await world.fetched(mine.run, "call1"),
        await world.fetched(mine.run, "call9"),
        world.completed(mine.run, 3),
    ]
    assert await world.deliver(*late) == [Verdict.ACK] * 3
    assert await world.everything() == before
    assert before["parked"] == []
    async with world.db.workspace(ACME) as tx:
        assert not await store.is_erased(tx, beside.run)


async def test_a_file_that_is_made_meanwhile_does_not_stay(world: World) -> None:
    run = await world.finished_run()
    report = (await world.desk.run(ACME, run)).report_id
    assert report is not None
    await world.owner(_ASKED.format(w=ACME, report=report, version=CONTENT_VERSION))
    press = Meanwhile(world, report)
    work = ExportWork(world.db, world.objects, press)
    [claim] = await work.claim(1, 30)
    await work.do(claim)
    assert press.erased
    assert [name for name in world.objects.content if str(report) in name] == []


async def test_the_triggers_the_statements_and_the_manifest_agree(world: World) -> None:
    assert [store.table_of(one) for one in store.statements(world.db)] == list(ERASED)
    found = await world.rows(
        "SELECT tgrelid::regclass::text AS name, encode(tgargs, 'escape') AS told FROM pg_trigger WHERE tgname = 'fence_report'"
    )
    assert {row["name"]: row["told"].removesuffix("\\000") for row in found} == dict(ERASED)
