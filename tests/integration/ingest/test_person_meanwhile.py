"""Calls are erased while a run or a preview is about to fetch them: it ends as always, and says how many it left out."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, PreviewReady
from ingest.store import call_tombstones
from integration.ingest.harness import HARBOR, MemoryObjects
from integration.ingest.people import CALLS, FIRST, NAME, TABLES, Office, dying, ordered, rows_of
from integration.ingest.test_previews import answered, asked

HERS = {call.call_id for call in CALLS}


async def order_comes(office: Office) -> None:
    """Retention asks for her calls to be erased, and that is done as far as it can be."""
    await office.hear(ordered(1, (), CALLS))
    await office.work()


def numbers(done: FetchCompleted) -> tuple[int, int, int, int]:
    """Matching, private, fetched, without a transcript."""
    return done.calls_matching, done.calls_private, done.calls_fetched, done.calls_without_transcript


async def remains(office: Office) -> list[str]:
    """Where something of her calls is left: tables, and objects."""
    rows = await rows_of(office.ingest, TABLES)
    left = [table for table in TABLES for row in rows[table] if any(one in row for one in HERS)]
    return left + [name for name in office.workshop.objects.held if any(f"/{one}/" in name for one in HERS)]


@pytest.mark.parametrize(
    ("point", "time"),
    [
        ("list.before_commit", 1),
        ("list.after_commit", 1),
        ("list.after_commit", 2),
        ("fetch.before_plan", 1),
        ("fetch.before_batches", 1),
        ("fetch.after_object", 1),
        ("fetch.before_commit", 1),
        ("fetch.after_commit", 1),
        ("fetch.after_commit", 2),
    ],
)
async def test_a_run_that_is_interrupted_goes_on_without_them(office: Office, point: str, time: int) -> None:
    run = await office.workshop.start()
    async with dying(point, time):
        await office.workshop.worker().work_once()
    await order_comes(office)
    assert [one for one in await remains(office) if one in TABLES] == [], "whether the run goes on or not"
    told = {event.payload.call_id for event in await office.ingest.told(CallFetched)}  # type: ignore[attr-defined]
    await office.workshop.finish()
    done = await office.workshop.completed(run)
    matching, private, fetched, without = numbers(done)
    assert (matching, private) == (4, 1)
    # Those that were told of before stay told of: analysis has them, and erases the run.
    assert fetched == 2 + len(told & HERS)
    assert fetched + without == matching
    # What somebody who died had stored already is found by the next attempt.
    await office.hear(ordered(2, (), ()))
    await office.work()
    assert await remains(office) == []


async def test_a_run_that_is_under_way_leaves_them_out(office: Office) -> None:
    """The order comes while their transcripts are stored: what was stored is taken away by who stored it."""
    run = await office.workshop.start()
    slow = MemoryObjects(held=office.workshop.objects.held, gate=asyncio.Event())
    assert slow.gate is not None
    async with asyncio.TaskGroup() as group:
        working = group.create_task(office.workshop.worker(slow).work_once())
        await slow.reached.wait()
        await order_comes(office)
        slow.gate.set()
        assert await working
    await office.workshop.finish()
    assert numbers(await office.workshop.completed(run)) == (4, 1, 2, 2)
    assert await remains(office) == []
    assert [event for event in await office.ingest.told(CallFetched) if event.payload.call_id in HERS] == []  # type: ignore[attr-defined]


async def test_a_list_that_is_being_read_is_gone_on_with_or_read_anew(office: Office) -> None:
    """Between two pages: who reads has the first page in memory, where its row has gone."""
    run = await office.workshop.start()
    await held_meanwhile(office, run)
    await office.workshop.finish()
    assert numbers(await office.workshop.completed(run)) == (4, 1, 2, 2)
    await office.hear(ordered(2, (), ()))
    await office.work()
    assert await remains(office) == []


async def held_meanwhile(office: Office, run: uuid.UUID) -> None:
    """Set the tombstones just before each transaction of the first attempt would commit a page with her call."""
    async with dying("list.after_commit", 2):
        await office.workshop.worker().work_once()
    async with office.ingest.db.workspace(HARBOR) as tx:
        await call_tombstones.put(tx, FIRST, 1, CALLS)
    [job] = await office.ingest.sql("SELECT planned_at FROM jobs WHERE id = $1", run)
    assert job["planned_at"] is None


async def test_a_preview_that_is_under_way_does_not_show_them(office: Office) -> None:
    preview = await asked(office.workshop)
    async with dying("preview.after_sample"):
        await office.workshop.worker().work_once()
    assert [content for content in office.workshop.objects.held.values() if NAME.encode() in content] != []
    await order_comes(office)
    await office.workshop.finish()
    ready = await answered(office.workshop, preview)
    assert isinstance(ready, PreviewReady)
    assert ready.matching_calls == 2
    await office.hear(ordered(2, (), ()))
    await office.work()
    assert [content for content in office.workshop.objects.held.values() if NAME.encode() in content] == []
    assert await remains(office) == []


async def test_a_sample_that_is_put_late_is_found_by_the_next_attempt(office: Office) -> None:
    """And those of later previews stay: a workspace in which people try filters all day comes to an end as well."""
    await office.workshop.start()
    early = await asked(office.workshop)
    await office.workshop.finish()
    await order_comes(office)
    await office.objects.workspace(HARBOR).put(f"previews/{early}/late.json.gz", NAME.encode())
    await office.ingest.sql("UPDATE call_tombstones SET held_at = held_at - interval '2 minutes'")
    await office.ingest.sql("UPDATE jobs SET created_at = created_at - interval '1 hour'")
    later = await asked(office.workshop)
    await office.workshop.finish()
    for attempt, objects in ((2, 1), (3, 0)):
        await office.hear(ordered(attempt, (), ()))
        await office.work()
        assert (await office.answers())[-1].objects == objects
    assert [name for name in office.workshop.objects.held if f"previews/{early}" in name] == []
    assert [name for name in office.workshop.objects.held if f"previews/{later}" in name] != []
