"""Somebody of our staff looks into retention's data: told before it is read, told before it is shown, over when the grant is."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import asyncpg
import pytest
from google.protobuf.message import Message
from msgspec import structs

from callmine.audit.v1.audit_pb2 import StaffAccess
from callmine.staff.v1.staff_pb2 import StaffGranted
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import ActorKind, Event
from contracts.staff import Granted, Read, Reason, Step, ended, granted, read_told
from core.errors import Forbidden, InvalidInput
from core.faultpoints import arm
from core.ids import WorkspaceId
from database import Queries, Tx
from database.staff import StaffDatabase
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from messaging import Verdict
from messaging.staff_grants import in_force
from retention import cli
from retention.settings import Settings
from retention.store.staff import QUESTIONS
from runtime.staff import StaffDesk, Visit, questions_of
from testkit.commands import run
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import Outside
from testkit.services import Service, environment_for

MINE, THEIRS = WorkspaceId(HARBORLINE.organization_id), WorkspaceId(QUILLSTONE.organization_id)
ADA, GRACE = "ada@callmine.example", "grace@callmine.example"
GRANT_ID = uuid.UUID("0195520d-9d52-7000-8000-0000000000a1")
AUDIENCE = "callmine-staff"
VISIT = Visit(MINE, GRANT_ID, ADA)

SOME = Granted(
    grant_id=GRANT_ID,
    service="retention",
    staff=ADA,
    approver=GRACE,
    reason=Reason.SUPPORT,
    ticket="SUP-412",
    granted_at=datetime.now(UTC),
    expires_at=datetime.now(UTC) + timedelta(minutes=30),
)


def event(payload: Message, sequence: int = 1, workspace: WorkspaceId = MINE) -> Event[Message]:
    return Event(
        workspace_id=workspace, payload=payload, producer="audit", aggregate_id=str(GRANT_ID), sequence=sequence
    )


def told(change: Granted = SOME, workspace: WorkspaceId = MINE) -> Event[Message]:
    return event(granted(change), 1, workspace)


ENDED = event(ended(GRANT_ID), 2)


@pytest.fixture
async def desk(retention: Service, dsns: ServiceDsns) -> AsyncIterator[StaffDesk]:
    """A desk over the service's database, in which two workspaces have a plan."""
    queries = Queries.of("database", "messaging", "retention")
    reading = await StaffDatabase.open(dsns.staff, queries)
    for workspace in (MINE, THEIRS):
        payload = WorkspaceCreated(name="Harborline", slug="harborline", timezone="UTC")
        created = Event(workspace_id=workspace, payload=payload, producer="ingest", aggregate_id=workspace, sequence=1)
        await deliver(retention.consumer("workspaces"), created)
    yield StaffDesk(retention.parts.db, reading, retention.parts.outbox, questions_of(queries, QUESTIONS))
    await reading.close()


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm(None)


async def reads(dsns: ServiceDsns) -> list[Event[Message]]:
    return [one for topic, one in await said(dsns) if topic == "audit" and isinstance(one.payload, StaffAccess)]


async def steps(dsns: ServiceDsns) -> list[Read]:
    return [read_told(one.payload) for one in await reads(dsns) if isinstance(one.payload, StaffAccess)]


async def test_a_question_is_told_before_it_is_read_and_before_it_is_shown(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns
) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    answer = await desk.ask(VISIT, "plan")
    assert [row["plan"] for row in answer.rows] == ["trial"]
    asked, shown = await steps(dsns)
    assert (asked.step, asked.question, asked.rows) == (Step.ASKED, "plan", 0)
    assert asked.reads == "Which plan the workspace is on, and since when"
    assert (shown.step, shown.statement_id, shown.rows) == (Step.SHOWN, asked.statement_id, 1)
    assert {(one.workspace_id, one.actor.kind, one.actor.id) for one in await reads(dsns)} == {
        (MINE, ActorKind.STAFF, ADA)
    }


class _LostError(Exception):
    """The process is gone."""


@pytest.mark.parametrize(
    ("point", "time", "told_of"),
    [
        ("outbox.before_commit", 1, []),
        ("staff.after_asked", 1, [Step.ASKED]),
        ("outbox.before_commit", 2, [Step.ASKED]),
        ("staff.before_shown", 1, [Step.ASKED, Step.SHOWN]),
    ],
)
async def test_what_cannot_be_told_is_not_shown(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns, point: str, time: int, told_of: list[Step]
) -> None:
    """Wherever it dies: nothing is shown, and nothing was read that audit does not hear of."""
    await deliver(retention.consumer("staff-grants"), told())
    reached: list[str] = []

    def trap(name: str) -> None:
        reached.append(name)
        if name == point and reached.count(point) == time:
            raise _LostError

    arm(trap)
    with pytest.raises(_LostError):
        await desk.ask(VISIT, "plan")
    assert [one.step for one in await steps(dsns)] == told_of


async def test_without_the_outbox_nothing_is_read(desk: StaffDesk, retention: Service, dsns: ServiceDsns) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    async with connected(dsns.owner) as owner:
        await owner.execute("REVOKE INSERT ON outbox FROM retention_app")
        await owner.execute(
            "REVOKE INSERT (workspace_id, event_id, topic, ordering_key, body, attributes) ON outbox FROM retention_app"
        )
    read: list[str] = []
    arm(read.append)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.ask(VISIT, "plan")
    assert "staff.after_asked" not in read


async def _aged(dsns: ServiceDsns) -> None:
    """Half an hour passes for the grant, as the database's clock sees it."""
    async with connected(dsns.owner) as owner:
        await owner.execute("ALTER TABLE known_staff_grants NO FORCE ROW LEVEL SECURITY")
        await owner.execute(
            "UPDATE known_staff_grants SET granted_at = granted_at - interval '31 minutes', expires_at = expires_at - interval '31 minutes'"
        )
        await owner.execute("ALTER TABLE known_staff_grants FORCE ROW LEVEL SECURITY")


@pytest.mark.parametrize("how", ["by the clock", "revoked"])
async def test_a_grant_that_is_over_shows_nothing_and_the_attempt_is_told(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns, how: str
) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    assert len((await desk.ask(VISIT, "plan")).rows) == 1
    if how == "revoked":
        await deliver(retention.consumer("staff-grants"), ENDED)
    else:
        await _aged(dsns)
    for _ in range(2):
        with pytest.raises(Forbidden, match="is over"):
            await desk.ask(VISIT, "plan")
    assert [one.step for one in await steps(dsns)][2:] == [Step.ASKED, Step.WITHHELD] * 2


async def test_a_session_that_is_under_way_ends_with_its_grant(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns
) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    async with desk.reading.session(MINE, GRANT_ID, ADA) as tx:
        assert len(await tx.fetch("staff_plan", most=10)) == 1
        await deliver(retention.consumer("staff-grants"), ENDED)
        assert await tx.fetch("staff_plan", most=10) == []


async def test_what_was_read_while_the_grant_ended_is_withheld(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading and the showing: the rows are there, and nobody gets them."""
    await deliver(retention.consumer("staff-grants"), told())

    async def ended_meanwhile(tx: Tx, grant_id: uuid.UUID) -> bool:
        await deliver(retention.consumer("staff-grants"), ENDED)
        return await in_force(tx, grant_id)

    monkeypatch.setattr("runtime.staff.in_force", ended_meanwhile)
    with pytest.raises(Forbidden):
        await desk.ask(VISIT, "plan")
    assert [one.step for one in await steps(dsns)] == [Step.ASKED, Step.WITHHELD]


@pytest.mark.parametrize("order", list(permutations([told(), ENDED])), ids=["in order", "out of order"])
async def test_an_end_counts_in_any_order_and_twice(
    desk: StaffDesk, retention: Service, order: Sequence[Event[Message]]
) -> None:
    for one in (*order, *order):
        await deliver(retention.consumer("staff-grants"), structs.replace(one, event_id=uuid.uuid4()))
    with pytest.raises(Forbidden):
        await desk.ask(VISIT, "plan")


async def test_a_grant_opens_nothing_but_what_it_says(desk: StaffDesk, retention: Service, dsns: ServiceDsns) -> None:
    elsewhere = structs.replace(SOME, grant_id=uuid.uuid4(), service="analysis")
    await deliver(retention.consumer("staff-grants"), told(), told(elsewhere))
    for visit in (
        replace(VISIT, workspace_id=THEIRS),
        replace(VISIT, staff=GRACE),
        replace(VISIT, grant_id=elsewhere.grant_id),
        replace(VISIT, grant_id=uuid.uuid4()),
    ):
        with pytest.raises(Forbidden, match="no grant of this id lets you in"):
            await desk.ask(visit, "plan")
    assert await steps(dsns) == [], "nobody's log is filled by somebody without a grant"


async def test_its_terms_never_change(desk: StaffDesk, retention: Service, dsns: ServiceDsns) -> None:
    """Neither by a second message about it nor after its end."""
    await deliver(retention.consumer("staff-grants"), told())
    longer = structs.replace(SOME, staff=GRACE, approver=ADA, expires_at=SOME.granted_at + timedelta(minutes=60))
    await deliver(retention.consumer("staff-grants"), told(longer))
    with pytest.raises(Forbidden):
        await desk.ask(replace(VISIT, staff=GRACE), "plan")
    await _aged(dsns)
    with pytest.raises(Forbidden, match="is over"):
        await desk.ask(VISIT, "plan")


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": SOME.granted_at + timedelta(minutes=60, seconds=1)},
        {"expires_at": SOME.granted_at},
        {"approver": ADA},
        {"approver": ADA.upper()},
        {"approver": ""},
        {"ticket": ""},
        {"service": "credential-vault"},
        {"service": "audit"},
    ],
)
async def test_a_grant_that_nobody_may_give_is_parked(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns, change: dict[str, object]
) -> None:
    """The service believes no one, not even audit, for more than the rules allow."""
    wrong = told(structs.replace(SOME, **change))
    assert await retention.consumer("staff-grants").process([delivery(wrong)]) == [Verdict.ACK]
    assert len(await parked_reasons(dsns)) == 1
    with pytest.raises(Forbidden):
        await desk.ask(VISIT, "plan")


async def test_a_grant_for_no_known_reason_is_parked(retention: Service, dsns: ServiceDsns, desk: StaffDesk) -> None:
    payload = granted(SOME)
    assert isinstance(payload, StaffGranted)
    payload.reason = 7  # type: ignore[assignment] # of a newer audit
    assert await retention.consumer("staff-grants").process([delivery(event(payload))]) == [Verdict.ACK]
    assert len(await parked_reasons(dsns)) == 1


async def test_only_questions_of_the_list_are_asked(desk: StaffDesk, retention: Service, dsns: ServiceDsns) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    for name, about in (
        ("subscription", None),
        ("staff_plan", None),
        ("plan; DELETE FROM subscriptions", None),
        ("SELECT 1", None),
        ("plan", uuid.uuid4()),
    ):
        with pytest.raises(InvalidInput):
            await desk.ask(VISIT, name, about)
    assert await steps(dsns) == []


async def test_a_question_that_fails_is_told_and_shows_nothing(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns
) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    async with connected(dsns.owner) as owner:
        await owner.execute("REVOKE SELECT (plan) ON subscriptions FROM retention_staff")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await desk.ask(VISIT, "plan")
    assert [one.step for one in await steps(dsns)] == [Step.ASKED, Step.FAILED]


@pytest.fixture
def keyboard(settings: Settings, dsns: ServiceDsns, outside: Outside) -> dict[str, str]:
    """The environment in which Ada sits."""
    known = {"staff_accounts": f"{ADA},{GRACE}", "staff_audience": AUDIENCE, "staff_database_url": dsns.staff}
    names = {f"CALLMINE_{name.upper()}": value for name, value in known.items()}
    token = {"CALLMINE_STAFF_IDENTITY_TOKEN": outside.push_token(AUDIENCE, ADA)}
    return environment_for(settings) | names | token


async def test_the_command_line(
    desk: StaffDesk, retention: Service, dsns: ServiceDsns, outside: Outside, keyboard: dict[str, str]
) -> None:
    await deliver(retention.consumer("staff-grants"), told())
    command = ("staff", "ask", MINE, str(GRANT_ID), "plan")
    listed = await run(cli.app, "staff", "questions")
    assert "plan           Which plan the workspace is on" in listed.stdout
    answered = await run(cli.app, *command, env=keyboard)
    assert answered.exit_code == 0, answered.output
    [line] = answered.stdout.splitlines()
    assert json.loads(line)["plan"] == "trial"
    assert "1 row. The workspace's admins see this" in answered.stderr
    grace = keyboard | {"CALLMINE_STAFF_IDENTITY_TOKEN": outside.push_token(AUDIENCE, GRACE)}
    nobody = keyboard | {"CALLMINE_STAFF_IDENTITY_TOKEN": outside.push_token(AUDIENCE, "mallory@callmine.example")}
    abroad = keyboard | {"CALLMINE_STAFF_IDENTITY_TOKEN": outside.push_token("another audience", ADA)}
    forged = keyboard | {"CALLMINE_STAFF_IDENTITY_TOKEN": "not.a.token"}
    tokenless = {name: value for name, value in keyboard.items() if name != "CALLMINE_STAFF_IDENTITY_TOKEN"}
    strangers = {name: value for name, value in keyboard.items() if name != "CALLMINE_STAFF_ACCOUNTS"}
    for environment, words in (
        (grace, "no grant of this id lets you in here"),
        (nobody, "may not call here"),
        (abroad, "the identity token is not valid"),
        (forged, "the identity token is not valid"),
        (tokenless, "CALLMINE_STAFF_IDENTITY_TOKEN is missing"),
        (strangers, "CALLMINE_STAFF_ACCOUNTS is missing"),
    ):
        refused = await run(cli.app, *command, env=environment)
        assert refused.exit_code != 0
        assert words in refused.stderr, refused.output
        assert refused.stdout == ""
    assert [one.step for one in await steps(dsns)] == [Step.ASKED, Step.SHOWN]
