"""Retention asks for a report to be erased: what is answered, and that nothing is left, whatever comes twice, late or in between."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from callmine.erasure.v1.reports_pb2 import ReportErasureAnswered
from integration.analysis.report_requests import (
    FIRST,
    FROZEN,
    GONE,
    SECOND,
    TOPIC,
    UNKNOWN,
    VERIFIED,
    Office,
    announced,
    erase,
    requested,
    verify,
)
from integration.analysis.reports import ERASED, Written, written
from integration.analysis.test_api_manners import Died, dying_at
from integration.analysis.world import ACME, RIVAL, World


async def canaries(world: World, one: Written) -> set[str]:
    """Where something of a report is left: tables, and objects."""
    left = {table for table, rows in (await world.everything()).items() if any(one.canary in row for row in rows)}
    return left | {name for name in world.objects.content if one.canary in name}


async def test_a_report_is_erased_and_each_stage_is_answered(world: World) -> None:
    office, mine, beside = Office.of(world), await written(world, "canarymine"), await written(world, "canarybeside")
    await office.hear(announced(mine.report))
    await office.work()
    assert (await office.answers(), await canaries(world, mine)) != ([], set())
    assert await office.stages() == [], "nothing is erased that can still be taken back, and nobody need be told"
    assert len(await canaries(world, mine)) > len(ERASED) // 2

    await office.hear(requested(mine.report))
    assert office.woken
    await office.work()
    assert await office.stages() == [(FROZEN, 0), (GONE, 0)]
    told = (await office.answers())[-1]
    assert (told.erasure_id, told.report_id, told.service) == (str(FIRST), str(mine.report), "analysis")
    assert (set(told.rows), told.objects) == (set(ERASED), 1)
    assert await canaries(world, mine) == set()
    assert await canaries(world, beside) != set()

    await office.hear(verify(mine.report, 1))
    await office.work()
    assert await office.stages() == [(FROZEN, 0), (GONE, 0), (VERIFIED, 1)]
    assert dict((await office.answers())[-1].left) == {}
    # A file that came after all, from somebody who died before it could be removed.
    await world.objects.workspace(ACME).put(f"exports/{mine.report}/2-{mine.canary}.csv", b"late")
    await office.hear(verify(mine.report, 2))
    await office.work()
    assert dict((await office.answers())[-1].left) == {"objects": 1}
    assert await canaries(world, mine) == set()
    # Nothing is left to do.
    assert await world.rows("SELECT FROM report_erasures WHERE next_at IS NOT NULL") == []


async def test_one_that_does_not_exist_and_one_of_another_workspace_are_told_alike(world: World) -> None:
    office, theirs = Office.of(world), await written(world, "canarytheirs", RIVAL)
    before = await world.everything()
    for make in (announced, requested):
        await office.hear(make(uuid.uuid4()), make(theirs.report, SECOND))
    await office.work()
    assert [one.stage for one in await office.answers()] == [UNKNOWN] * 4
    shapes = [replace_ids(one) for one in await office.answers()]
    assert all(one == shapes[0] for one in shapes)
    after = await world.everything()
    assert {name for name in before if before[name] != after[name]} == {"outbox"}


def replace_ids(answer: ReportErasureAnswered) -> bytes:
    """An answer without what the question had, and without its time."""
    same = ReportErasureAnswered()
    same.CopyFrom(answer)
    for name in ("erasure_id", "report_id", "at"):
        same.ClearField(name)
    return same.SerializeToString(deterministic=True)


async def test_one_that_is_erased_already_is_looked_for_and_answered(world: World) -> None:
    mine = await written(world, "canarymine")
    done = await erase(world, mine.report)
    office = Office.of(world)
    await office.hear(announced(mine.report, SECOND), requested(mine.report, SECOND))
    await office.work()
    assert await office.stages() == [(FROZEN, 0), (GONE, 0)] * 2
    assert dict((await office.answers())[-1].rows) == dict(done.rows)


async def test_a_retention_that_was_restored_is_answered_anew(world: World) -> None:
    office, mine = Office.of(world), await written(world, "canarymine")
    for erasure in (FIRST, FIRST, SECOND):
        await office.hear(requested(mine.report, erasure), verify(mine.report, 1, erasure))
        await office.work()
    # Of an earlier request nothing is answered any more.
    await office.hear(verify(mine.report, 2, FIRST))
    await office.work()
    assert await office.stages() == [(FROZEN, 0), (GONE, 0), (VERIFIED, 1)] * 3
    assert [one.erasure_id for one in await office.answers()][::3] == [str(FIRST), str(FIRST), str(SECOND)]


async def test_who_makes_files_is_waited_for_before_a_verification(world: World) -> None:
    office, mine = Office.of(world), await written(world, "canarymine")
    office.worker = replace(office.worker, quiet_seconds=600.0)
    await office.hear(requested(mine.report), verify(mine.report, 1))
    await office.work()
    [waiting] = await world.rows("SELECT next_at > now() + interval '9 minutes' AS long FROM report_erasures")
    assert (await office.stages(), waiting["long"]) == ([(FROZEN, 0), (GONE, 0)], True)
    await world.owner("UPDATE report_tombstones SET erased_at = erased_at - interval '10 minutes'")
    await office.work()
    assert await office.stages() == [(FROZEN, 0), (GONE, 0), (VERIFIED, 1)]


async def test_a_transaction_from_before_holds_the_first_answer_back(world: World) -> None:
    office, mine = Office.of(world), await written(world, "canarymine")
    office.worker = replace(office.worker, settle_seconds=60.0)
    async with world.looking() as slow:
        await slow.execute("BEGIN")
        notice = (
            "INSERT INTO page_notices (workspace_id, id, recipient, kind, run_id) VALUES ($1, $2, $3, 'failure', $4)"
        )
        await slow.execute(notice, ACME, uuid.uuid4(), mine.canary, mine.run)
        await office.hear(requested(mine.report))
        await office.work()
        assert await office.stages() == []
        await slow.execute("COMMIT")
    while not await office.stages():
        await office.work()
    assert (await office.answers())[-1].rows["page_notices"] == 2
    assert await canaries(world, mine) == set()


async def test_a_workspace_that_goes_takes_what_was_asked_with_it(world: World) -> None:
    office, mine = Office.of(world), await written(world, "canarymine")
    await office.hear(requested(mine.report))
    await world.owner(
        f"INSERT INTO tombstones (workspace_id, erasure_id, asked_at, due_at) VALUES ('{ACME}', 'all', now(), now())"
    )
    # What comes now is acknowledged and dropped; what was begun cannot be answered, and does not stop the worker.
    await office.hear(requested(uuid.uuid4()), announced(uuid.uuid4()))
    await office.work()
    assert await office.stages() == []
    assert (await world.everything())["parked"] == []


POINTS = (
    "report_erasure.after_batch",
    "report_erasure.emptied",
    "report_erasure.before_frozen",
    "report_erasure.before_erased",
    "report_erasure.before_verified",
    "consumer.after_effect",
    "consumer.after_commit",
)


@pytest.mark.parametrize("seed", range(4))
async def test_crashes_and_messages_in_any_order_come_to_the_same_end(world: World, seed: int) -> None:
    rng = random.Random(seed)
    office, mine, beside = Office.of(world), await written(world, "canarymine"), await written(world, "canarybeside")
    make: list[Callable[[], Message]] = [
        lambda: announced(mine.report),
        lambda: requested(mine.report),
        lambda: verify(mine.report, 1),
        lambda: verify(mine.report, 2),
    ]
    events = [world.event(one(), str(FIRST)) for one in (*make, *rng.choices(make, k=3))]
    rng.shuffle(events)
    for event in (*events, *rng.sample(events, 3)):
        async with dying_at(rng.choice(POINTS)):
            for act in (lambda event=event: world.deliver(event, topic=TOPIC), office.work):
                try:
                    await act()
                except (Died, BaseExceptionGroup):
                    continue
    # The broker delivers what was not acknowledged; a restored retention asks once more, last of all.
    await world.deliver(*events, topic=TOPIC)
    await office.hear(requested(mine.report), verify(mine.report, 3))
    await office.work()
    assert await canaries(world, mine) == set()
    assert await canaries(world, beside) != set()
    last = (await office.answers())[-1]
    assert (last.stage, last.attempt, dict(last.left)) == (VERIFIED, 3, {})
    counted = [one for one in await office.answers() if one.stage == GONE]
    assert set(counted[-1].rows) == set(ERASED)
    assert await world.rows("SELECT FROM report_erasures WHERE next_at IS NOT NULL") == []
