"""One person's data is erased: every run that has a call of theirs goes whole, with its report; what names them elsewhere is emptied."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass

import pytest

from analysis.domain.request import RunId
from analysis.domain.run import RunState
from analysis.handlers.person_erasing import PersonRuns
from analysis.store.erasing import show_everything
from contracts import Event
from contracts.person_erasing import PersonAnswer, PersonOrder
from integration.analysis.report_requests import eraser
from integration.analysis.reports import ERASED, Written, written
from integration.analysis.test_api_manners import Died, dying_at
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from integration.erasure import asking
from integration.erasure.asking import FIRST, SECOND, answers_in, asked
from messaging import Consumer, Outbox, Routes, Verdict
from messaging.erasure.people import PersonEraser, PersonErasing, follow_people

TOPIC = "person-erasures"
THEIRS = ("mine0", "mine1")


@dataclass(slots=True)
class Office:
    """analysis as retention knows it: orders in, answers out."""

    world: World
    part: PersonRuns

    @classmethod
    def of(cls, world: World) -> Office:
        """Put together as the service is; runs are looked at one by one, and nothing is waited for that only takes time."""
        office, routes = cls(world, PersonRuns(eraser(world), runs_at_once=1)), Routes()
        follow_people(routes, office.part.note, lambda: None)
        world.consumers[TOPIC] = Consumer(f"analysis.{TOPIC}", world.db, routes)
        return office

    async def hear(self, *events: Event) -> None:  # type: ignore[type-arg]
        """Orders."""
        assert await self.world.deliver(*events, topic=TOPIC) == [Verdict.ACK] * len(events)

    async def work(self, turns: int = 4) -> None:
        """Let the worker do all that is due, as if no lease held it back."""
        people = PersonEraser(self.world.db, show_everything, rows_at_once=2)
        worker = PersonErasing("analysis", self.world.db, Outbox("analysis"), people, self.part, 0.0, 0.0, 0.0)
        for _ in range(turns):
            await self.world.owner("UPDATE person_erasures SET next_at = now() WHERE next_at IS NOT NULL")
            await worker.once()

    async def answers(self) -> list[PersonAnswer]:
        """What retention was told so far."""
        async with self.world.looking() as connection:
            return await answers_in(connection)


def told(order: PersonOrder) -> Event:  # type: ignore[type-arg]
    """An order in a message of its own."""
    return asking.told(order, ACME)


async def run_of(world: World, *calls: str, workspace: str = ACME) -> RunId:
    """A run on these calls, taken to whatever end it comes to."""
    run = await begun(world, *calls)
    await world.deliver(world.completed(run, len(calls)))
    await world.work()
    return run


async def begun(world: World, *calls: str) -> RunId:
    """A run that has been told of these calls, and not that they are all."""
    run = await world.desk.start(ACME, question(), MAYA)
    for call in calls:
        await world.deliver(await world.fetched(run, call))
    return run


async def canaries(world: World, one: Written) -> set[str]:
    """Where something of a report is left: tables, and objects."""
    left = {table for table, rows in (await world.everything()).items() if any(one.canary in row for row in rows)}
    return left | {name for name in world.objects.content if one.canary in name}


async def test_every_run_with_such_a_call_goes_whole_and_no_other(world: World) -> None:
    mine = await written(world, "canarymine", run=await run_of(world, "mine0", "shared"))
    also = await written(world, "canaryalso", run=await run_of(world, "mine1"))
    beside = await written(world, "canarybeside", run=await run_of(world, "shared"))
    # The same ids in another workspace.
    other = await written(world, "canaryother", RIVAL)
    before, usage = await world.everything(), await world.rows("SELECT * FROM usage")
    office = Office.of(world)
    await office.hear(told(asked(calls=THEIRS)), told(asked(1, calls=("call0",), erasure=SECOND)))
    await office.work()
    first, second = sorted(await office.answers(), key=lambda one: one.erasure_id)
    assert (first.erasure_id, set(first.rows), first.objects) == (FIRST, set(ERASED), 2)
    assert (second.erasure_id, dict(second.rows), second.objects) == (SECOND, {}, 0)
    assert await canaries(world, mine) == await canaries(world, also) == set()
    after = await world.everything()
    assert sum(first.rows.values()) == sum(len(before[table]) - len(after[table]) for table in ERASED)
    for kept in (beside, other):
        assert len(await canaries(world, kept)) > len(ERASED) // 2
        assert all(
            [row for row in before[table] if kept.canary in row] == [row for row in after[table] if kept.canary in row]
            for table in before
        )
    assert await world.rows("SELECT * FROM usage") == usage, "a bill can be worked out again"


async def test_a_run_without_a_report_goes_as_well(world: World) -> None:
    ended = {}
    for call, state in (("mine0", RunState.FAILED), ("mine1", RunState.CANCELLED), ("z", RunState.FAILED)):
        run = ended[call] = await begun(world, call, "x")
        async with world.db.workspace(ACME) as tx:
            await world.desk.lifecycle.end(tx, run, state, "because")
    failed, cancelled, kept = ended.values()
    office = Office.of(world)
    await office.hear(told(asked(calls=THEIRS)))
    await office.work()
    left = {row["id"] for row in await world.rows("SELECT id FROM runs")}
    assert left & {failed, cancelled, kept} == {kept}
    # The summary of what was finished before it was cancelled is not written any more.
    await world.work()
    assert [row for row in (await world.everything())["reports"] if str(cancelled) in row] == []
    assert [one.rows["runs"] for one in await office.answers()] == [2]


async def test_a_run_under_way_is_waited_for(world: World) -> None:
    office, run = Office.of(world), await begun(world, "mine0", "x")
    await office.hear(told(asked(calls=THEIRS)))
    await office.work()
    assert await office.answers() == []
    await world.deliver(world.completed(run, 2))
    await world.work()
    report = (await world.desk.run(ACME, run)).report_id
    assert report is not None
    await office.work()
    assert [one.rows["reports"] for one in await office.answers()] == [1]
    assert not any(str(run) in row for row in (await world.everything())["run_calls"])


async def test_a_call_that_comes_late_is_left_out_and_its_run_ends(world: World) -> None:
    office, run = Office.of(world), await begun(world, "x")
    await office.hear(told(asked(calls=THEIRS)))
    await office.work()
    assert len(await office.answers()) == 1
    late = await world.fetched(run, "mine0")
    assert await world.deliver(late, late, world.completed(run, 2)) == [Verdict.ACK] * 3
    await world.work()
    done = await world.desk.run(ACME, run)
    assert (done.state, done.calls_analysed) == (RunState.COMPLETED, 1)
    assert [row["call_id"] for row in await world.rows("SELECT call_id FROM run_calls")] == ["x"]
    # One that has none but such calls ends as well, in whatever order it is told.
    for turned in (False, True):
        alone = await world.desk.start(ACME, question(), MAYA)
        told_of = [world.completed(alone, 1), await world.fetched(alone, "mine1")]
        assert await world.deliver(*(reversed(told_of) if turned else told_of)) == [Verdict.ACK] * 2
        assert (await world.desk.run(ACME, alone)).state is RunState.NO_MATCH
    assert (await world.everything())["parked"] == []


async def test_who_has_not_seen_the_order_is_refused_and_tried_again(world: World) -> None:
    """The trigger looks after the row was added; the message comes again, and then its call is left out."""
    run = await begun(world, "x")
    insert = (
        "INSERT INTO run_calls (workspace_id, run_id, call_id, ordinal, object_name, sha256, started_at, duration_seconds) "
        f"VALUES ('{ACME}', '{run}', 'mine0', 2, 'o', repeat('0', 64), now(), 1)"
    )
    await Office.of(world).hear(told(asked(calls=THEIRS)))
    with pytest.raises(Exception, match="the call is erased") as refused:
        await world.owner(insert)
    assert refused.value.sqlstate == "40001"  # type: ignore[attr-defined]
    await world.owner("DROP TRIGGER fence_call ON run_calls", insert)


async def test_what_names_the_person_elsewhere_is_emptied(world: World) -> None:
    mine, beside = await written(world, "canarymine"), await written(world, "canarybeside")
    office = Office.of(world)
    await office.hear(told(asked(people=("canarymine",))))
    await office.work()
    [answer] = await office.answers()
    assert set(answer.rows) == {"page_notices", "report_exports", "runs", "schedules"} - {"schedules"}
    assert await world.rows(f"SELECT id FROM runs WHERE id = '{mine.run}' AND requested_by = 'analysis'") != []
    assert await world.rows("SELECT FROM page_notices WHERE recipient = 'canarymine'") == []
    assert await world.rows("SELECT FROM report_exports WHERE exported_by = 'canarymine'") == []
    assert "runs" in await canaries(world, beside)
    assert len(await world.rows(f"SELECT FROM reports WHERE id = '{mine.report}'")) == 1, (
        "the report is the workspace's"
    )


async def test_what_is_hidden_by_the_plan_goes_as_well(world: World) -> None:
    mine = await written(world, "canarymine", run=await run_of(world, "mine0"))
    await world.owner(
        f"UPDATE runs SET finished_at = '2020-01-01Z', created_at = '2020-01-01Z' WHERE id = '{mine.run}'"
    )
    await world.owner("UPDATE reports SET created_at = '2020-01-01Z'")
    office = Office.of(world)
    await office.hear(told(asked(calls=THEIRS)))
    await office.work()
    assert await canaries(world, mine) == set()


async def test_each_attempt_looks_at_all_runs_again(world: World) -> None:
    mine, office = await written(world, "canarymine", run=await run_of(world, "mine0")), Office.of(world)
    await office.hear(told(asked(calls=THEIRS)))
    await office.work()
    # A file of somebody who was making it then, and a run that had fetched a call and was not known to have it.
    await world.objects.workspace(ACME).put(f"exports/{mine.report}/2-{mine.canary}.csv", b"late")
    await office.hear(told(asked(2, calls=THEIRS)))
    await office.work()
    await office.hear(told(asked(3, calls=THEIRS)))
    await office.work()
    assert [(one.attempt, len(one.rows), one.objects) for one in await office.answers()] == [
        (1, 15, 1),
        (2, 0, 1),
        (3, 0, 0),
    ]
    assert await canaries(world, mine) == set()


async def test_a_transaction_from_before_is_waited_for_and_erased(world: World) -> None:
    mine, office = await written(world, "canarymine", run=await run_of(world, "mine0")), Office.of(world)
    notice = "INSERT INTO page_notices (workspace_id, id, recipient, kind, run_id) VALUES ($1, $2, $3, 'failure', $4)"
    async with world.looking() as slow:
        await slow.execute("BEGIN")
        await slow.execute(notice, ACME, uuid.uuid4(), mine.canary, mine.run)
        await office.hear(told(asked(calls=THEIRS)))
        await office.work()
        assert await office.answers() == []
        await slow.execute("COMMIT")
    for _ in range(50):
        await office.work()
    assert [one.rows["page_notices"] for one in await office.answers()] == [2]
    assert await canaries(world, mine) == set()


async def test_a_service_that_was_restored_erases_again(world: World) -> None:
    """Its database is from before; retention replays its ledger, in any order."""
    office = Office.of(world)
    async with world.looking() as connection:
        await connection.execute("SELECT 1")
    mine = await written(world, "canarymine", run=await run_of(world, "mine0"))
    await office.hear(told(asked(2, calls=THEIRS)), told(asked(1, calls=THEIRS)))
    await office.work()
    assert await canaries(world, mine) == set()
    assert sorted((one.attempt, bool(one.rows)) for one in await office.answers()) in (
        [(1, False), (2, True)],
        [(1, True), (2, False)],
    )
    fetch = await world.fetched(await begun(world, "x"), "mine1")
    await world.deliver(fetch)
    assert await world.rows("SELECT FROM run_calls WHERE call_id = 'mine1'") == []


POINTS = (
    "person_erasure.before_commit",
    "person_erasure.frozen",
    "person_erasure.run_erased",
    "person_erasure.erased",
    "person_erasure.before_answer",
    "report_erasure.after_batch",
    "consumer.after_effect",
    "consumer.after_commit",
)


@pytest.mark.parametrize("point", POINTS)
async def test_whoever_dies_leaves_what_another_carries_on(world: World, point: str) -> None:
    mine = await written(world, "canarymine", run=await run_of(world, "mine0"))
    beside = await written(world, "canarybeside", run=await run_of(world, "shared"))
    office, event = Office.of(world), told(asked(calls=THEIRS, people=("canarymine",)))
    died = 0
    async with dying_at(point):
        for act in (lambda: world.deliver(event, topic=TOPIC), office.work):
            try:
                await act()
            except (Died, BaseExceptionGroup):
                died += 1
    await office.hear(event)
    await office.work(12)
    assert await canaries(world, mine) == set()
    assert len(await canaries(world, beside)) > len(ERASED) // 2
    [answer] = await office.answers()
    assert (set(answer.rows), answer.objects) == (set(ERASED), 1)


@pytest.mark.parametrize("seed", range(2))
async def test_crashes_and_messages_in_any_order_come_to_the_same_end(world: World, seed: int) -> None:
    rng = random.Random(seed)
    mine = await written(world, "canarymine", run=await run_of(world, "mine0"))
    beside = await written(world, "canarybeside", run=await run_of(world, "shared"))
    office = Office.of(world)
    events = [told(asked(attempt, calls=THEIRS)) for attempt in (1, 2)]
    events += [await world.fetched(mine.run, "mine1"), world.completed(mine.run, 3)]
    rng.shuffle(events)
    for event in (*events, *rng.sample(events, 2)):
        topic = TOPIC if event.producer == "retention" else "calls"
        async with dying_at(rng.choice(POINTS)):
            for act in (lambda event=event, topic=topic: world.deliver(event, topic=topic), office.work):
                try:
                    await act()
                except (Died, BaseExceptionGroup):
                    continue
    for event in events:
        await world.deliver(event, topic=TOPIC if event.producer == "retention" else "calls")
    await office.work(12)
    assert await canaries(world, mine) == set()
    assert len(await canaries(world, beside)) > len(ERASED) // 2
    answers = await office.answers()
    assert sorted(one.attempt for one in answers) == [1, 2]
    assert sum(one.rows.get("runs", 0) for one in answers) == 1
    assert sum(one.objects for one in answers) == 1
    assert (await world.everything())["parked"] == []
