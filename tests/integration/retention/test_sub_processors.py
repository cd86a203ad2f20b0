"""Sub-processors: the page, the feed, the banner above every page while one waits for its day, and the record of who was shown it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from fastapi import FastAPI
from google.protobuf.message import Message
from markupsafe import escape
from msgspec import structs

from callmine.subprocessors.v1.subprocessors_pb2 import SubProcessorAnnounced
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import Event
from core import faultpoints
from core.clock import SystemClock
from core.ids import WorkspaceId
from egress import REGISTER
from egress.register import Register, register_text
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE
from promises import five_sets, histories
from retention.workers.announcing import Announcing
from testkit.messages import deliver, said
from testkit.outside import ADMIN, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import every_row

LISTED, STARTS = date(2027, 3, 1), date(2027, 3, 31)
NEW = """  - {name: new, company: 'New & <Sons>', kind: sub-processor, purpose: Reads minds, data: [briefs], hosts: [api.new.example],
     listed_on: 2027-03-01, in_effect_from: 2027-03-31}
"""
BANNER = "becomes a sub-processor on 31 Mar 2027"
ICON = "/sub-processors/shown.svg"


# What the guards of running services see.
SEEN = frozenset(
    (service, name)
    for service, names in {
        "ingest": "clerk gong hubspot",
        "analysis": "anthropic clerk openai slack",
        "credential-vault": "clerk gong google hubspot slack",
        "audit": "clerk siem",
        "retention": "clerk google stripe",
    }.items()
    for name in names.split()
)


class On(SystemClock):
    """The machine's clock, on another day."""

    def __init__(self, day: date) -> None:
        self._day = day

    def now(self) -> datetime:
        return datetime(self._day.year, self._day.month, self._day.day, 12, tzinfo=UTC)


def announce(retention: Service, day: date) -> None:
    """The service has a register with a new entry, on another day."""
    app = retention.app.app
    assert isinstance(app, FastAPI)
    register = Register.read(register_text() + NEW)
    app.state.web = structs.replace(app.state.web, register=register, clock=On(day))


async def shown(retention: Service, postgres_url: str) -> list[str]:
    return (await every_row(postgres_url, retention.dsns))["sub_processor_notices"]


async def test_the_page_tells_everybody_who_gets_what_and_from_when(retention: Service) -> None:
    announce(retention, LISTED)
    async with retention.browser() as browser:
        page = await browser.get("/sub-processors")
        feed = await browser.get("/sub-processors/feed.atom")
    assert page.status_code == 200
    assert all(str(escape(one.company)) in page.text for one in REGISTER)
    assert "New &amp; &lt;Sons&gt;" in page.text
    assert "From 31 Mar 2027" in page.text
    assert '<link rel="alternate" type="application/atom+xml"' in page.text
    assert feed.headers["content-type"].startswith("application/atom+xml")
    assert feed.text.count("<entry>") == 6
    assert "http://127.0.0.1:8080/sub-processors#new" in feed.text


@pytest.mark.parametrize(
    ("day", "told"),
    [(LISTED - timedelta(days=1), False), (LISTED, True), (STARTS - timedelta(days=1), True), (STARTS, False)],
)
async def test_admins_are_told_above_every_page_within_the_notice(
    retention: Service, outside: Outside, day: date, told: bool
) -> None:
    announce(retention, day)
    async with retention.browser(outside.token(ADMIN)) as admin, retention.browser(outside.token(MEMBER)) as member:
        assert (BANNER in (await admin.get("/settings/billing")).text) is told
        assert (ICON in (await admin.get("/settings/billing")).text) is told
        assert BANNER not in (await member.get("/settings/billing")).text
        assert (await admin.get(ICON)).status_code == (200 if told else 404)


async def test_who_was_shown_it_is_recorded_once_with_the_first_time(
    retention: Service, outside: Outside, postgres_url: str
) -> None:
    announce(retention, LISTED)
    async with retention.browser(outside.token(ADMIN)) as admin:
        icon = await admin.get(ICON)
        first = await shown(retention, postgres_url)
        assert (await admin.get(ICON)).status_code == 200
        page = await admin.get("/sub-processors/notices")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert "no-store" in icon.headers["cache-control"]
    assert len(first) == 1
    assert await shown(retention, postgres_url) == first
    assert "New &amp; &lt;Sons&gt;" in page.text
    assert ADMIN.user_id in page.text


async def test_only_admins_and_only_our_own_pages_leave_a_record(
    retention: Service, outside: Outside, postgres_url: str
) -> None:
    announce(retention, LISTED)
    async with retention.browser(outside.token(MEMBER)) as member, retention.browser() as nobody:
        assert ((await member.get(ICON)).status_code, (await nobody.get(ICON)).status_code) == (403, 401)
        assert (await member.get("/sub-processors/notices")).status_code == 403
    async with retention.browser(outside.token(ADMIN)) as admin:
        assert (await admin.get(ICON, headers={"sec-fetch-site": "cross-site"})).status_code == 404
    assert await shown(retention, postgres_url) == []


async def test_another_workspace_sees_only_its_own_record(retention: Service, outside: Outside) -> None:
    announce(retention, LISTED)
    async with retention.browser(outside.token(ADMIN)) as ours:
        await ours.get(ICON)
    async with retention.browser(outside.token(OTHER_ADMIN, QUILLSTONE)) as theirs:
        page = await theirs.get("/sub-processors/notices")
        assert "Nobody has been told" in page.text
        await theirs.get(ICON)
        page = await theirs.get("/sub-processors/notices")
    assert OTHER_ADMIN.user_id in page.text
    assert ADMIN.user_id not in page.text


async def test_every_mutant_of_the_five_sets_is_noticed(retention: Service) -> None:
    """With the page as it is served; what the guards of running services see is compared in tests/e2e."""
    async with retention.browser() as browser:
        page = (await browser.get("/sub-processors")).text
    given = five_sets.inputs(page, SEEN)
    assert five_sets.problems(given) == []
    tried = list(five_sets.mutants(given))
    assert [what for what, mutant in tried if not five_sets.problems(mutant)] == []
    assert len({what for what, _ in tried}) == len(tried) > 100


def test_no_history_lets_anybody_through_before_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    found = histories.simulate(seed=7, count=1_000)
    assert (found.histories, found.early, found.late, found.hasty_refused) == (1_000, 0, 0, found.hasty)
    assert min(found.starts, found.hasty, found.listed) > 1_000
    monkeypatch.setattr("egress.register.NOTICE", timedelta(days=29))
    assert histories.simulate(seed=7, count=100).early > 0


class Died(BaseException):
    """What kill -9 is to a process."""


async def test_each_workspace_is_announced_to_once_whatever_dies_or_races(retention: Service) -> None:
    """analysis hears of it for each workspace, and posts it to Slack."""
    parts, rng = retention.parts, Random(5)
    for workspace in (HARBORLINE, QUILLSTONE):
        payload = WorkspaceCreated(name=workspace.name, slug=workspace.slug, timezone="UTC")
        told: Event[Message] = Event(
            workspace_id=WorkspaceId(workspace.organization_id),
            payload=payload,
            producer="ingest",
            aggregate_id=workspace.organization_id,
            sequence=1,
        )
        await deliver(retention.consumer("workspaces"), told)
    register = Register.read(register_text() + NEW)

    def worker(day: date) -> Announcing:
        return Announcing(parts.db, parts.outbox, register, On(day))

    def die(reached: str) -> None:
        if reached == "announcing.before_commit" and rng.random() < 0.5:
            raise Died

    for outside_of_it in (LISTED - timedelta(days=1), STARTS):
        assert not await worker(outside_of_it).once()
    faultpoints.arm(die)
    try:
        for _ in range(6):
            with contextlib.suppress(Died):
                await worker(LISTED).once()
    finally:
        faultpoints.arm(None)
    await asyncio.gather(worker(LISTED).once(), worker(LISTED).once())
    assert not await worker(STARTS - timedelta(days=1)).once()
    for workspace in (HARBORLINE, QUILLSTONE):
        said_to = await said(retention.dsns, WorkspaceId(workspace.organization_id))
        [message] = [event for topic, event in said_to if topic == "sub-processors"]
        assert message.payload == SubProcessorAnnounced(
            name="new",
            company="New & <Sons>",
            purpose="Reads minds",
            listed_on="2027-03-01",
            in_effect_from="2027-03-31",
        )
