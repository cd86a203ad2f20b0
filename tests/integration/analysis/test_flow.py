"""From a question to a report, through messages and workers, on a real database."""

from __future__ import annotations

from analysis.domain.run import RunState
from callmine.fetches.v1.fetches_pb2 import FetchRequested
from callmine.reports.v1.reports_pb2 import CallAnalysed, ReportCompleted
from core.ids import uuid7
from integration.analysis.world import ACME, MAYA, World, call_document, question


async def test_a_question_becomes_a_report(world: World) -> None:
    run_id = await world.finished_run(calls=3)
    run = await world.desk.run(ACME, run_id)
    assert run.state is RunState.COMPLETED
    assert (run.calls_analysed, run.calls_failed, run.percent) == (3, 0, 100)
    assert run.report_id is not None

    document = await world.report(ACME, run.report_id)
    numbers = document["numbers"]
    assert isinstance(numbers, dict)
    assert numbers["quotes"] == numbers["quotes_verified"] == 3
    assert numbers["quotes_dropped"] == 0
    assert document["headline"] == "Price decides"
    assert document["summary"] == [{"sentence": "Buyers find the price too high.", "finding_ids": ["f1", "f2"]}]
    assert len(await world.rows("SELECT * FROM usage")) == 3


async def test_the_report_says_which_source_told_of_the_deals(world: World) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    asked = call_document("c2") | {"deal": {"stage": "Proposal", "source": "hubspot", "company_source": None}}
    silent = call_document("c3") | {"deal": None}
    await world.deliver(
        await world.fetched(run_id, "c1"),
        await world.fetched(run_id, "c2", document=asked),
        await world.fetched(run_id, "c3", document=silent),
        world.completed(run_id, 3),
    )
    await world.work()
    report_id = (await world.desk.run(ACME, run_id)).report_id
    assert report_id is not None
    document = await world.report(ACME, report_id)
    assert document["deal_context"] == {"gong": 1, "hubspot": 1, "none": 1}
    calls = document["calls"]
    assert isinstance(calls, list)
    assert [call["deal_source"] for call in calls] == ["gong", "hubspot", ""]


async def test_what_is_published_and_in_what_order(world: World) -> None:
    run_id = await world.finished_run(calls=2)
    sent = await world.sent()
    assert [type(event.payload) for event in sent] == [FetchRequested, CallAnalysed, CallAnalysed, ReportCompleted]
    assert [event.sequence for event in sent] == sorted({event.sequence for event in sent})
    assert {event.aggregate_id for event in sent} == {str(run_id)}


async def test_the_brief_and_the_transcript_leave_in_no_message(world: World) -> None:
    await world.finished_run()
    bodies = b"".join(row["body"] for row in await world.rows("SELECT body FROM outbox"))
    for secret in (b"price", b"finance", b"Brightwater", b"Maya Lindqvist"):
        assert secret not in bodies


async def test_the_same_form_sent_twice_makes_one_run(world: World) -> None:
    request_id = uuid7()
    first = await world.desk.start(ACME, question(), MAYA, request_id)
    assert await world.desk.start(ACME, question(), MAYA, request_id) == first
    assert len(await world.rows("SELECT * FROM runs")) == 1
