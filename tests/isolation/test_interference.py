"""Non-interference: nothing differs as the product is, and each way to let others in is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from analysis.domain.request import RunId
from analysis.domain.run import Run
from analysis.handlers.desk import Desk
from chaos.harness import Plan
from core.ids import WorkspaceId
from isolation.interference import interference, opened_both
from isolation.interference.canonical import canonical
from isolation.interference.coverage import expected, missing
from isolation.interference.proof import Findings, Proof
from isolation.interference.surroundings import surroundings
from isolation.interference.world import World
from testkit.capture import unrecorded
from web.formats import moment

SEED = 20_261
LENGTH = 140

# What is spoilt may need a rival to come first at the right operation, which one short chapter in ten lacks.
_MOST_CHAPTERS = 24


async def test_no_answer_differs_and_nothing_is_left_out(postgres_url: str) -> None:
    part = await interference(Plan(SEED, False, lambda done, total: None), postgres_url, [360])
    assert part.problems == ()
    operations = part.figures["operations"]
    assert isinstance(operations, int)
    assert operations >= 360
    assert part.figures["differences"] == 0


_AT = datetime(2026, 11, 29, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Sao_Paulo", "Asia/Kathmandu", "America/New_York"])
def test_when_a_page_is_read_is_no_difference(zone: str) -> None:
    shown = [f"made {moment(each, ZoneInfo(zone))} by".encode() for each in (_AT, _AT + timedelta(minutes=1))]
    assert len({canonical(each) for each in shown}) == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Sao_Paulo", "Asia/Kathmandu", "America/New_York"])
def test_a_page_in_the_timezone_of_others_is_a_difference(zone: str) -> None:
    assert canonical(moment(_AT).encode()) != canonical(moment(_AT, ZoneInfo(zone)).encode())


@pytest.fixture(scope="module")
async def worlds(postgres_url: str) -> AsyncIterator[Proof]:
    """Two worlds that each test spoils in its own way, and leaves as they were."""
    with unrecorded("some of their statements are made to forget the workspace"):
        async with surroundings(postgres_url) as around, opened_both(around) as (alone, among):
            yield Proof(alone, among, Findings(SEED))


async def told(
    worlds: Proof, spoilt: Callable[[World], AbstractAsyncContextManager[None]] | None = None, chapters: int = 1
) -> Findings:
    """What one more chapter finds; with both worlds spoilt, or as many `chapters`, up to 24 until something is found."""
    worlds.findings = Findings(SEED)
    async with AsyncExitStack() as stack:
        if spoilt is not None:
            await stack.enter_async_context(spoilt(worlds.alone))
            await stack.enter_async_context(spoilt(worlds.among))
        for _ in range(_MOST_CHAPTERS if spoilt else chapters):
            await worlds.tell(LENGTH)
            if worlds.findings.differences:
                break
    return worlds.findings


@contextmanager
def statement(world: World, service: str, name: str, old: str, new: str) -> Iterator[None]:
    """The statement `name` with `new` in place of `old`."""
    found = world.services[service].parts.db.queries[name]
    assert old in found.sql, f"{name} does not say {old!r}: {found.sql}"
    spoilt = replace(found, sql=found.sql.replace(old, new))
    with mock.patch.dict(world.services[service].parts.db.queries._statements, {name: spoilt}):
        yield


@asynccontextmanager
async def unwalled(world: World, table: str) -> AsyncIterator[None]:
    """A table of analysis without row policies."""
    await world.sql("analysis", f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    yield
    await world.sql("analysis", f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


@asynccontextmanager
async def runs_of_everybody(world: World) -> AsyncIterator[None]:
    """A list that forgets whose it is."""
    scoped = "workspace_id = $1 AND ($2"
    async with unwalled(world, "runs"):
        with statement(world, "analysis", "runs_page", scoped, "workspace_id >= '' AND $1::text <> '' AND ($2"):
            yield


@asynccontextmanager
async def hidden_reports_of_everybody(world: World) -> AsyncIterator[None]:
    """A count over all workspaces: no content, but a number that moves when others do something."""
    async with unwalled(world, "report_dates"):
        with statement(world, "analysis", "hidden_reports", "workspace_id = $1", "$1::text <> ''"):
            yield


@asynccontextmanager
async def quota_of_everybody(world: World) -> AsyncIterator[None]:
    """Others use up the quota."""
    mine = "SELECT m.by_plan FROM usage_months m WHERE m.workspace_id = $1 AND m.begins_at = $2"
    everybodys = (
        "SELECT sum(m.by_plan)::integer FROM usage_months m WHERE $1::text <> '' AND $2::timestamptz IS NOT NULL"
    )
    async with unwalled(world, "usage_months"):
        with statement(world, "analysis", "usage_of_month", mine, everybodys):
            yield


@asynccontextmanager
async def request_ids_for_everybody(world: World) -> AsyncIterator[None]:
    """A unique constraint without the workspace tells whether others have used an id."""
    await world.sql("analysis", "TRUNCATE runs CASCADE")
    await world.sql("analysis", "ALTER TABLE runs ADD CONSTRAINT one_request UNIQUE (request_id)")
    with statement(world, "analysis", "insert_run", "ON CONFLICT (workspace_id, request_id)", "ON CONFLICT"):
        yield
    await world.sql("analysis", "ALTER TABLE runs DROP CONSTRAINT one_request")


@asynccontextmanager
async def webhooks_heard_by_everybody(world: World) -> AsyncIterator[None]:
    """A webhook that was heard for one workspace counts as heard for all."""
    await world.sql("ingest", "TRUNCATE webhook_receipts")
    await world.sql("ingest", "ALTER TABLE webhook_receipts ADD CONSTRAINT heard_once UNIQUE (source, message_id)")
    with statement(world, "ingest", "receipt_insert", "ON CONFLICT (workspace_id, source, message_id)", "ON CONFLICT"):
        yield
    await world.sql("ingest", "ALTER TABLE webhook_receipts DROP CONSTRAINT heard_once")


SPOILT = [
    runs_of_everybody,
    hidden_reports_of_everybody,
    quota_of_everybody,
    request_ids_for_everybody,
    webhooks_heard_by_everybody,
]


@pytest.mark.parametrize("spoilt", SPOILT, ids=lambda spoilt: str(spoilt.__name__))
async def test_a_statement_that_forgets_the_workspace_is_seen(
    worlds: Proof, spoilt: Callable[[World], AbstractAsyncContextManager[None]]
) -> None:
    findings = await told(worlds, spoilt)
    assert findings.differences > 0
    assert findings.problems
    assert f"seed {SEED}, chapter " in findings.problems[0]


async def test_a_cache_that_forgets_the_workspace_is_seen(worlds: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[object, Run] = {}
    monkeypatch.setattr("analysis.handlers.desk._KEPT", kept, raising=False)
    read = Desk.run

    async def cached(desk: Desk, workspace_id: WorkspaceId, run_id: RunId) -> Run:
        if run_id not in kept:
            kept[run_id] = await read(desk, workspace_id, run_id)
        return kept[run_id]

    monkeypatch.setattr("analysis.handlers.desk.Desk.run", cached)
    assert (await told(worlds, chapters=_MOST_CHAPTERS)).differences > 0


async def test_what_is_never_exercised_is_named(worlds: Proof) -> None:
    gaps = missing(worlds.among, expected(worlds.among) - {("analysis", "GET", "/reports/{report_id}")})
    assert gaps == ["never exercised: analysis GET /reports/{report_id}"]
    kinds = {one[0] for one in expected(worlds.among)}
    assert kinds == {"message", *worlds.among.services}


async def test_a_walled_world_is_left_behind(worlds: Proof) -> None:
    """After all that was spoilt and mended, nothing differs; and what is foreign to the subject does exist."""
    findings = await told(worlds)
    assert findings.problems == []
    assert findings.differences == 0
    mine = worlds.last.subject.workspace_id
    for table, ids in (("runs", worlds.last.foreign.runs), ("reports", worlds.last.foreign.reports)):
        rows = await worlds.among.sql("analysis", f"SELECT id::text FROM {table} WHERE workspace_id <> $1", mine)
        assert set(ids) <= {row["id"] for row in rows}
