"""One report is erased: all that the manifest says is of it, nothing of the report beside it; nothing that comes late brings it back."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from analysis.cli import app
from analysis.domain.request import ReportId, RunId
from analysis.exporting.formats import CONTENT_VERSION, Format
from analysis.handlers.report_erasing import ReportErasing
from analysis.settings import Settings
from analysis.store import report_erasure as store
from analysis.store.erasing import show_everything
from analysis.workers.exports import ExportWork
from architecture.erasure.rules import rules_of
from callmine.audit.v1.audit_pb2 import AdminAction
from cloud import Endpoint
from cloud.objects import GoogleObjects
from contracts import Actor, ActorKind, Source
from contracts.sealing import SealingKey
from core.errors import InvalidInput, NotFound, Transient
from core.ids import WorkspaceId, parse_ticket
from integration.analysis.test_api_manners import Died, dying_at
from integration.analysis.world import ACME, RIVAL, World
from local.postgres import ServiceDsns
from local.secrets.server import SecretServer, SecretSettings
from local.secrets.vaultfile import Secret, SecretFile, State, Version
from local.storage import StorageServer, StorageSettings
from local.tls import ServerCertificate
from messaging import Outbox, Verdict
from testkit.commands import run
from testkit.outside import Outside
from testkit.services import environment_for, settings_for

STAFF = Actor(ActorKind.STAFF, "sam@callmine.ai", "sam@callmine.ai", Source.SYSTEM)
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
# A file that somebody is to make.
_ASKED = """
INSERT INTO export_files (workspace_id, report_id, format, version, report_created_at, lease_until)
VALUES ('{w}', '{report}', 'json', {version}, now(), now() - interval '1 second')
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


@dataclass(slots=True)
class Waiting:
    """Waits for nothing; `meanwhile` ends what is waited for."""

    meanwhile: list[asyncpg.Connection[asyncpg.Record]] = field(default_factory=list)
    pauses: int = 0

    async def __call__(self, seconds: float) -> None:
        del seconds
        self.pauses += 1
        if self.pauses > 1:
            for one in self.meanwhile:
                await one.execute("COMMIT")
            self.meanwhile.clear()
            # Transactions of other databases of the server count as well.
            await asyncio.sleep(0.05)


@dataclass(slots=True)
class Meanwhile:
    """Makes a file while its report is erased."""

    erasing: ReportErasing
    report: ReportId
    erased: bool = False

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        del document, kind
        await self.erasing.erase(ACME, self.report, STAFF, "SUP-412")
        self.erased = True
        return b"made"


def eraser(world: World, waiting: Waiting | None = None) -> ReportErasing:
    """What the command runs. Two rows a transaction: every table with more takes several."""
    return ReportErasing(world.db, Outbox("analysis"), world.objects, rows_at_once=2, pause=waiting or Waiting())


async def erase(world: World, one: Written, waiting: Waiting | None = None) -> store.ReportTombstone:
    """Erase it, as the command does."""
    return await eraser(world, waiting).erase(one.workspace, one.report, STAFF, "SUP-412")


async def audited(world: World) -> list[tuple[str, Actor | None]]:
    """Which reports were told to the audit log, and by whom."""
    sent = [(one.payload, one.actor) for one in await world.sent_of(AdminAction)]
    return [
        (told.target_id, actor)
        for told, actor in sent
        if isinstance(told, AdminAction) and told.target_kind == "report"
    ]


async def test_all_that_is_of_the_report_goes_and_nothing_of_another(world: World) -> None:
    mine, beside = await written(world, "canarymine"), await written(world, "canarybeside")
    other = await written(world, "canaryother", RIVAL)
    before = await world.everything()
    files = dict(world.objects.content)
    done = await erase(world, mine)

    after = await world.everything()
    assert {table for table, rows in after.items() if any("canarymine" in row for row in rows)} == set()
    told = str(mine.run), str(mine.report)
    for table in before.keys() - {"report_tombstones", "outbox"}:
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

    again = await erase(world, mine)
    assert replace(again, barrier=None) == replace(done, barrier=None)
    assert await audited(world) == [(str(mine.report), STAFF)]


async def test_what_is_asked_wrongly_changes_nothing(world: World) -> None:
    mine, other = await written(world, "canarymine"), await written(world, "canaryother", RIVAL)
    before = await world.everything()
    for wrong in (uuid.uuid4(), mine.run, other.report):
        with pytest.raises(NotFound, match="no such report"):
            await eraser(world).erase(ACME, ReportId(wrong), STAFF, "SUP-412")
    assert await world.everything() == before
    with pytest.raises(InvalidInput, match="SUP-412"):
        parse_ticket("for Maya")
    # Without a tombstone the application may not remove a report's rows, whoever asks.
    unasked = store.ReportTombstone(mine.report, mine.run, datetime.now(UTC), None, {}, 0, None)
    async with world.db.workspace(ACME) as tx:
        await show_everything(tx)
        assert [await store.delete(tx, one, unasked, 10) for one in store.statements(world.db)] == [0] * len(ERASED)


async def test_whoever_dies_leaves_what_the_same_command_carries_on(world: World) -> None:
    mine = await written(world, "canarymine")
    for point in ("report_erasure.frozen", "report_erasure.after_batch"):
        async with dying_at(point):
            with pytest.raises(Died):
                await erase(world, mine)
    done = await erase(world, mine)
    assert done.erased_at is not None
    assert done.rows.keys() == ERASED.keys()
    assert await audited(world) == [(str(mine.report), STAFF)]


async def test_a_transaction_from_before_is_waited_for_and_erased(world: World) -> None:
    mine = await written(world, "canarymine")
    async with world.looking() as slow:
        await slow.execute("BEGIN")
        notice = "INSERT INTO page_notices (workspace_id, id, recipient, kind, run_id) VALUES ($1, $2, 'user_9', 'failure', $3)"
        await slow.execute(notice, ACME, uuid.uuid4(), mine.run)
        waiting = Waiting([slow])
        with pytest.raises(Transient, match="has not ended"):
            await replace(eraser(world, Waiting()), patience=0.0).erase(ACME, mine.report, STAFF, "SUP-412")
        done = await erase(world, mine, waiting)
    assert waiting.pauses > 1
    assert done.rows["page_notices"] == 2
    assert await world.rows("SELECT FROM page_notices") == []


async def test_nothing_of_it_can_be_added_again_and_the_triggers_see_to_that(world: World) -> None:
    mine = await written(world, "canarymine")
    async with world.looking() as connection:
        await connection.execute("CREATE TEMP TABLE copies (name text, whole jsonb)")
        for table, column in ERASED.items():
            copy = f"INSERT INTO copies SELECT '{table}', to_jsonb(t) FROM {table} t WHERE workspace_id = $1 AND {column} = $2"
            await connection.execute(copy, ACME, mine.key[column])
        await erase(world, mine)
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
    await erase(world, mine)
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
    press = Meanwhile(eraser(world), report)
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


@pytest.fixture
async def surroundings(
    analysis_database: ServiceDsns, outside: Outside, tmp_path: Path
) -> AsyncIterator[tuple[dict[str, str], GoogleObjects]]:
    """What the command is told by its environment, with real secrets and a real bucket; and the bucket."""
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    kept = SecretFile(tmp_path / "secrets.json")
    for name, text in (("analysis-sealing-key", SealingKey.generate().private_text()), ("analysis-link-key", "k" * 32)):
        version = Version(time.time(), State.ENABLED, text.encode())
        kept.put(f"projects/callmine-test/secrets/{name}", Secret(time.time(), versions=(version,)))
    with StorageServer.start(StorageSettings(tmp_path / "objects", certificate, buckets=("calls",))) as storage:
        async with await SecretServer.start(SecretSettings(tmp_path / "secrets.json", certificate)) as secrets:
            more = {"secrets_endpoint": secrets.address, "storage_endpoint": storage.endpoint}
            settings = settings_for(Settings, analysis_database, outside, **more)
            staff = {"CALLMINE_STAFF_ACCOUNTS": STAFF.email, "CALLMINE_STAFF_AUDIENCE": "callmine-staff"}
            bucket = GoogleObjects(bucket="calls", endpoint=Endpoint(address=storage.endpoint, ca_file=outside.ca_file))
            yield environment_for(settings) | staff, bucket
            await bucket.close()


async def test_staff_erases_a_report_by_the_command(
    world: World, outside: Outside, surroundings: tuple[dict[str, str], GoogleObjects]
) -> None:
    environment, bucket = surroundings
    mine = await written(world, "canarymine")
    file = await bucket.workspace(ACME).put(f"exports/{mine.report}/1-a.csv", b"canarymine")
    asked = ("reports", "erase", ACME, str(mine.report), "--ticket", "SUP-412", "--confirm", str(mine.report))
    assert "STAFF_IDENTITY_TOKEN is missing" in (await run(app, *asked, env=environment)).stderr
    assert any("canarymine" in row for row in (await world.everything())["quotes"])
    environment["CALLMINE_STAFF_IDENTITY_TOKEN"] = outside.push_token("callmine-staff", STAFF.email)
    answer = await run(app, *asked, env=environment)
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["report"], told["rows"].keys(), told["objects"]) == (str(mine.report), ERASED.keys(), 1)
    assert told["nothing_left_at"] is not None
    with pytest.raises(NotFound):
        await bucket.workspace(ACME).get(file.name, file.sha256)
    assert not any("canarymine" in row for rows in (await world.everything()).values() for row in rows)
    wrong = (*asked[:3], str(mine.run), *asked[4:7], str(mine.run))
    assert "no such report" in (await run(app, *wrong, env=environment)).stderr


@pytest.mark.parametrize(
    ("ticket", "confirmed", "said"), [("SUP-412", 2, "Nothing was erased"), ("for Maya", 1, "no number such as")]
)
async def test_the_command_wants_a_ticket_and_the_id_twice(ticket: str, confirmed: int, said: str) -> None:
    ids = [str(uuid.UUID(int=number)) for number in (1, confirmed)]
    answer = await run(app, "reports", "erase", ACME, ids[0], "--ticket", ticket, "--confirm", ids[1])
    assert answer.exit_code != 0
    assert said in answer.stderr
