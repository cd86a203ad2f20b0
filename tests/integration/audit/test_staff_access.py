"""The staff-access log: asked, approved by a second person, ended; what services tell; what a workspace's admins see and can do."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from audit import cli
from audit.settings import Settings
from audit.staff.access import State, Terms
from audit.staff.desk import Desk
from callmine.staff.v1.staff_pb2 import StaffGranted, StaffGrantEnded
from contracts import Actor, ActorKind, Event
from contracts.staff import Granted, Read, Reason, Step, grant_told, read
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.faultpoints import arm
from integration.audit.actions import MINE, THEIRS
from local.postgres import ServiceDsns
from local.postgres.connection import connected
from local.sandbox.clerk.people import QUILLSTONE
from messaging import Verdict
from testkit.commands import run
from testkit.messages import deliver, delivery, parked_reasons, said
from testkit.outside import ADMIN, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service, environment_for

ADA, GRACE = "ada@callmine.example", "grace@callmine.example"
AUDIENCE = "callmine-staff"
PAGE, API = "/audit/staff-access", "/api/v1/audit/staff-access"
TERMS = Terms(staff=ADA, service="analysis", reason=Reason.SUPPORT, ticket="SUP-412", minutes=30)


@pytest.fixture
async def desk(audit: Service) -> AsyncIterator[Desk]:
    yield Desk(audit.parts.db, audit.parts.outbox)
    arm(None)


def step(
    grant_id: uuid.UUID, statement: int, kind: Step, rows: int = 0, *, staff: str = ADA, about: str = ""
) -> Event[Message]:
    told = Read(
        grant_id=grant_id,
        statement_id=uuid.UUID(int=statement),
        step=kind,
        question="runs",
        reads="The newest runs: their states, counts and times",
        about=about,
        rows=rows,
    )
    return Event(
        workspace_id=MINE,
        payload=read(told),
        producer="analysis",
        aggregate_id=str(grant_id),
        sequence=statement,
        occurred_at=datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(seconds=statement),
        actor=Actor(ActorKind.STAFF, staff, staff),
    )


async def shifted(dsns: ServiceDsns, minutes: int) -> None:
    """So many minutes pass, as the database's clock sees it; nobody but the owner could do this."""
    async with connected(dsns.owner) as owner:
        for table, column in (("staff_grants", "asked_at"), ("staff_decisions", "decided_at")):
            await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            await owner.execute(f"UPDATE {table} SET {column} = {column} - make_interval(mins => $1)", minutes)
            await owner.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


async def granted(desk: Desk, terms: Terms = TERMS) -> uuid.UUID:
    grant_id = await desk.ask(MINE, terms)
    await desk.approve(MINE, grant_id, GRACE)
    return grant_id


async def test_nothing_is_open_before_a_second_person_has_approved(desk: Desk, dsns: ServiceDsns) -> None:
    grant_id = await desk.ask(MINE, TERMS)
    assert await said(dsns) == []
    with pytest.raises(Forbidden, match="second person"):
        await desk.approve(MINE, grant_id, ADA)
    with pytest.raises(NotFound):
        await desk.approve(THEIRS, grant_id, GRACE)
    assert await said(dsns) == []
    access = await desk.approve(MINE, grant_id, GRACE)
    [(topic, event)] = await said(dsns)
    told = grant_told(event.payload)
    assert isinstance(told, Granted)
    assert (topic, event.workspace_id, event.actor.id) == ("staff-grants", MINE, GRACE)
    assert (told.staff, told.approver, told.service, told.reason, told.ticket) == (
        ADA,
        GRACE,
        "analysis",
        Reason.SUPPORT,
        "SUP-412",
    )
    assert told.expires_at - told.granted_at == timedelta(minutes=30)
    assert (access.state, access.expires_at) == (State.OPEN, told.expires_at)


async def test_an_approval_counts_once_and_not_after_an_hour(desk: Desk, dsns: ServiceDsns) -> None:
    grant_id = await granted(desk)
    with pytest.raises(Conflict, match="is open"):
        await desk.approve(MINE, grant_id, "hedy@callmine.example")
    late = await desk.ask(MINE, TERMS)
    await shifted(dsns, 61)
    with pytest.raises(Conflict, match="is lapsed"):
        await desk.approve(MINE, late, GRACE)
    access, _, _ = await desk.one(MINE, grant_id, None, 1)
    assert access.state is State.EXPIRED
    assert len(await said(dsns)) == 1


async def test_one_that_was_ended_is_never_opened(desk: Desk, dsns: ServiceDsns) -> None:
    grant_id = await desk.ask(MINE, TERMS)
    ended = await desk.end(MINE, grant_id, ADA, by_staff=True)
    assert ended.state is State.LAPSED
    with pytest.raises(Conflict):
        await desk.approve(MINE, grant_id, GRACE)
    assert [type(event.payload) for _, event in await said(dsns)] == [StaffGrantEnded]


async def test_an_approval_that_cannot_be_told_is_none(desk: Desk, dsns: ServiceDsns) -> None:
    grant_id = await desk.ask(MINE, TERMS)

    def trap(point: str) -> None:
        if point == "staff.before_approved":
            raise RuntimeError(point)

    arm(trap)
    with pytest.raises(RuntimeError):
        await desk.approve(MINE, grant_id, GRACE)
    arm(None)
    access, _, _ = await desk.one(MINE, grant_id, None, 1)
    assert (access.state, await said(dsns)) == (State.ASKED, [])


@pytest.mark.parametrize(
    "change",
    [
        {"minutes": 61},
        {"minutes": 0},
        {"service": "credential-vault"},
        {"service": "audit"},
        {"service": ""},
        {"ticket": ""},
        {"ticket": "the buyer Maya said no"},
    ],
)
def test_terms_that_nobody_may_ask_for_are_refused(change: dict[str, object]) -> None:
    given = {"staff": ADA, "service": "analysis", "reason": Reason.SUPPORT, "ticket": "SUP-1", "minutes": 60}
    Terms(**given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        Terms(**(given | change))  # type: ignore[arg-type]


async def test_the_database_refuses_what_the_code_would_let_through(dsns: ServiceDsns, desk: Desk) -> None:
    """An hour and no more, two people, and a log that is only added to."""
    grant_id = await granted(desk)
    asking = "INSERT INTO staff_grants (workspace_id, id, staff, service, reason, ticket, minutes) VALUES ($1, $2, $3, $4, $5, 'SUP-1', $6)"
    deciding = (
        "INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff)"
        " VALUES ($1, $2, 'approved', $3, $3, true)"
    )
    async with connected(dsns.app) as app:
        await app.execute("SELECT set_config('app.workspace_id', $1, false)", MINE)
        for row in (
            (ADA, "analysis", "support", 61),
            (ADA, "credential-vault", "support", 60),
            (ADA, "analysis", "curiosity", 60),
        ):
            with pytest.raises(asyncpg.CheckViolationError):
                await app.execute(asking, MINE, uuid.uuid4(), *row)
        other = uuid.uuid4()
        await app.execute(asking, MINE, other, ADA, "analysis", "support", 60)
        with pytest.raises(asyncpg.CheckViolationError):
            await app.execute(deciding, MINE, other, ADA)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await app.execute(deciding.replace("$3, $3", f"'{GRACE}', $3"), MINE, other, ADA)
        for text in (
            "UPDATE staff_grants SET minutes = 60",
            "UPDATE staff_decisions SET decided_by = 'nobody'",
            "UPDATE staff_reads SET rows = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(text)
        for table in ("staff_decisions", "staff_reads", "staff_grants"):
            # Only with the whole workspace.
            assert await app.execute(f"DELETE FROM {table}") == "DELETE 0"
    access, _, _ = await desk.one(MINE, grant_id, None, 1)
    assert access.state is State.OPEN


async def test_what_was_read_is_told_once_in_any_order(desk: Desk, audit: Service) -> None:
    grant_id = await granted(desk)
    run_id = str(uuid.uuid4())
    told = [
        step(grant_id, 2, Step.SHOWN, 7, about=run_id),
        step(grant_id, 1, Step.ASKED),
        step(grant_id, 2, Step.ASKED, about=run_id),
        step(grant_id, 3, Step.ASKED),
        step(grant_id, 3, Step.WITHHELD),
    ]
    await deliver(audit.consumer("audit"), *told)
    again = (replace(one, event_id=uuid.uuid4()) for one in told[:2])
    await deliver(audit.consumer("audit"), *again)
    _, statements, following = await desk.one(MINE, grant_id, None, 2)
    assert [(one.id.int, one.outcome, one.rows, one.about) for one in statements] == [
        (3, "withheld", 0, ""),
        (2, "shown", 7, run_id),
    ]
    _, rest, last = await desk.one(MINE, grant_id, following, 2)
    assert [(one.id.int, one.outcome) for one in rest] == [(1, None)]
    assert last is None
    [counted] = (await desk.page(MINE, None, 10)).counts[grant_id]
    assert (counted.asked, counted.rows) == (3, 7)


async def test_what_is_told_under_no_grant_is_parked(audit: Service, dsns: ServiceDsns, desk: Desk) -> None:
    grant_id = await granted(desk)
    unknown = step(uuid.uuid4(), 1, Step.ASKED)
    nobody = step(grant_id, 1, Step.ASKED, staff="")
    good = step(grant_id, 2, Step.ASKED)
    verdicts = await audit.consumer("audit").process([delivery(one) for one in (unknown, nobody, good)])
    assert verdicts == [Verdict.ACK] * 3
    assert len(await parked_reasons(dsns)) == 2
    _, statements, _ = await desk.one(MINE, grant_id, None, 5)
    assert [one.id.int for one in statements] == [2]


async def test_admins_see_who_when_why_and_what(desk: Desk, audit: Service, outside: Outside) -> None:
    async with audit.browser(outside.token()) as browser:
        empty = (await browser.get(PAGE)).text
        assert "Nobody has looked in" in empty
        # The log tells whether that is true, so that it is offered here as well.
        assert 'href="/api/v1/audit/log/export"' in empty
        grant_id = await granted(desk)
        await desk.ask(MINE, Terms(staff=GRACE, service="ingest", reason=Reason.INCIDENT, ticket="INC-7", minutes=10))
        await deliver(audit.consumer("audit"), step(grant_id, 1, Step.ASKED), step(grant_id, 1, Step.SHOWN, 12))
        text = (await browser.get(PAGE)).text
        for words in (ADA, f"approved by {GRACE}", "Support, ticket SUP-412", "Open now", "asked once, 12 rows shown"):
            assert words in text, words
        assert "Incident, ticket INC-7" in text
        assert "nobody approved it: it opened nothing" in text
        one = (await browser.get(f"{PAGE}/{grant_id}")).text
        assert "The newest runs: their states, counts and times" in one
        assert "12 rows" in one
        assert f'href="{PAGE}"' in (await browser.get("/audit")).text
    async with audit.program(outside.token()) as program:
        listed = (await program.get(API, params={"size": 1})).json()
        assert [one["state"] for one in listed["grants"]] == ["asked"]
        [mine] = (await program.get(API, params={"size": 1, "before": listed["next"]})).json()["grants"]
        assert (mine["id"], mine["state"], mine["approver"], mine["reason"]) == (
            str(grant_id),
            "open",
            GRACE,
            "support",
        )
        assert mine["reads"] == [{"reads": "The newest runs: their states, counts and times", "asked": 1, "rows": 12}]
        [statement] = (await program.get(f"{API}/{grant_id}/statements")).json()["statements"]
        assert (statement["outcome"], statement["rows"], statement["staff"]) == ("shown", 12, ADA)


async def test_nobody_else_does(desk: Desk, audit: Service, outside: Outside) -> None:
    grant_id = await granted(desk)
    for client in (audit.browser, audit.program):
        async with client(outside.token(MEMBER)) as member:
            assert (await member.get(PAGE if client == audit.browser else API)).status_code == 403
    async with audit.browser(outside.token(OTHER_ADMIN, QUILLSTONE)) as other:
        assert "Nobody has looked in" in (await other.get(PAGE)).text
        assert (await other.get(f"{PAGE}/{grant_id}")).status_code == 404
        assert (await other.post(f"{PAGE}/{grant_id}/end")).status_code == 404
    access, _, _ = await desk.one(MINE, grant_id, None, 1)
    assert access.state is State.OPEN


async def test_an_admin_ends_it_from_the_page(desk: Desk, audit: Service, outside: Outside, dsns: ServiceDsns) -> None:
    await granted(desk)
    async with audit.browser(outside.token()) as browser:
        [action] = re.findall(r'action="([^"]+/end)"', (await browser.get(PAGE)).text)
        for _ in range(2):
            ended = await browser.post(action)
            assert (ended.status_code, ended.headers["location"]) == (303, f"{PAGE}?done=ended")
        text = (await browser.get(f"{PAGE}?done=ended")).text
    assert "The access is ended" in text
    assert "ended by an admin of this workspace" in text
    assert "End this access" not in text
    told = [event for _, event in await said(dsns)]
    assert [type(event.payload) for event in told] == [StaffGranted, StaffGrantEnded]
    assert (told[1].actor.kind, told[1].actor.id) == (ActorKind.USER, ADMIN.user_id)


async def test_hostile_words_are_shown_as_text(desk: Desk, audit: Service, outside: Outside) -> None:
    grant_id = await granted(desk)
    evil = "<img src=x onerror=alert(1)>"
    told = step(grant_id, 1, Step.ASKED, about=evil, staff=evil)
    await deliver(audit.consumer("audit"), told)
    async with audit.browser(outside.token()) as browser:
        for path in (PAGE, f"{PAGE}/{grant_id}"):
            assert "<img" not in (await browser.get(path)).text


@pytest.fixture
def keyboards(settings: Settings, outside: Outside) -> dict[str, dict[str, str]]:
    """The environments in which Ada and Grace sit."""
    known = {"CALLMINE_STAFF_ACCOUNTS": f"{ADA},{GRACE}", "CALLMINE_STAFF_AUDIENCE": AUDIENCE}
    shared = environment_for(settings) | known
    return {who: shared | {"CALLMINE_STAFF_IDENTITY_TOKEN": outside.push_token(AUDIENCE, who)} for who in (ADA, GRACE)}


async def test_the_command_line(keyboards: dict[str, dict[str, str]], dsns: ServiceDsns) -> None:
    asking = ("staff", "grant", MINE, "--service", "analysis", "--reason", "support", "--ticket", "SUP-412")
    ada, grace = keyboards[ADA], keyboards[GRACE]
    asked = await run(cli.app, *asking, "--minutes", "60", env=ada)
    assert asked.exit_code == 0, asked.output
    grant_id = asked.stdout.strip()
    assert "Nothing is open yet" in asked.stderr
    for arguments, words in (
        ((*asking, "--minutes", "61"), "lasts 1 to 60 minutes"),
        ((*asking[:-1], "because"), "Nothing"),
        ((*asking[:4], "credential-vault", *asking[5:]), "nothing of credential-vault is open to staff"),
    ):
        refused = await run(cli.app, *arguments, env=ada)
        assert (refused.exit_code == 0) == (words == "Nothing"), refused.output
        assert words in refused.stderr
    own = await run(cli.app, "staff", "approve", MINE, grant_id, "--yes", env=ada)
    assert (own.exit_code, "a second person has to approve" in own.stderr) == (1, True)
    approved = await run(cli.app, "staff", "approve", MINE, grant_id, "--yes", env=grace)
    assert approved.exit_code == 0, approved.output
    assert f"{ADA} asks to look into {MINE} at analysis for 60 minutes: support, SUP-412." in approved.stderr
    listed = json.loads((await run(cli.app, "staff", "list", MINE, "--json", env=grace)).stdout)
    assert [one["state"] for one in listed] == ["asked", "open"]
    revoked = await run(cli.app, "staff", "revoke", MINE, grant_id, env=ada)
    assert revoked.stdout == "The grant is ended.\n"
    assert [type(event.payload) for _, event in await said(dsns)] == [StaffGranted, StaffGrantEnded]
    stranger = {name: value for name, value in ada.items() if name != "CALLMINE_STAFF_IDENTITY_TOKEN"}
    refused = await run(cli.app, *asking, env=stranger)
    assert (refused.exit_code, "CALLMINE_STAFF_IDENTITY_TOKEN is missing" in refused.stderr) == (78, True)
