"""A run's list is gone on with at the page where it was, whatever came in between; every page is counted as it is asked for."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from callmine.credentials.v1.credentials_pb2 import (
    DENIAL_REASON_NEEDS_RECONNECT,
    CredentialDenied,
    CredentialRequested,
)
from callmine.fetches.v1.fetches_pb2 import FetchCancelled
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG, IntegrationConnected, IntegrationDisconnected
from callmine.reports.v1.reports_pb2 import RunFailed
from contract.sandbox.stage import HARBORLINE, Stage
from core import faultpoints
from core.clock import SystemClock
from egress import Destination, Egress
from egress.retry import MOST_ATTEMPTS
from ingest.workers import WorkerSettings
from integration.ingest.harness import Gong, Ingest, event_of
from integration.ingest.test_worker import arm
from integration.ingest.workshop import Killed, Trap, Workshop
from local.sandbox.server import RunningSandbox, running

# Harborline's five calls, one of them private, on a page each.
PAGES = 5
LIST = "/v2/calls/extensive"


class CountingEgress(Egress):
    """Notes which pages of the list are asked for: by their cursor, empty for the first."""

    pages: list[str]

    async def request(
        self, destination: str | Destination, method: str, path_or_url: str, **parts: object
    ) -> httpx.Response:
        """As the real one, which it uses."""
        body = parts.get("json")
        if path_or_url.endswith(LIST) and isinstance(body, dict):
            self.pages.append(str(body.get("cursor", "")))
        return await super().request(destination, method, path_or_url, **parts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
async def paged(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """Gong with a call a page."""
    async with running(stage.settings(gong=stage.gong(page_size=1))) as sandbox:
        yield sandbox


@pytest.fixture
async def egress(stage: Stage, paged: RunningSandbox) -> AsyncIterator[CountingEgress]:
    """The way out to it."""
    made = CountingEgress([Destination(name="gong", base_url=f"{paged.url}/gong")], ca_file=stage.folder / "ca.pem")
    made.pages = []
    async with made:
        yield made
    paged.sandbox.switchboard.disarm()


@pytest.fixture
def workshop(ingest: Ingest, paged: RunningSandbox, egress: CountingEgress) -> Workshop:
    """Workers over it."""
    return Workshop(ingest, Gong(f"{paged.url}/gong", *HARBORLINE), egress)


@pytest.fixture
def expire_behind(egress: CountingEgress, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets grants be over as soon as so many pages have been asked for; 0 for never."""
    most = [0]

    def now(_clock: SystemClock) -> datetime:
        over = 0 < most[0] <= len(egress.pages)
        return datetime.now(UTC) + (timedelta(hours=2) if over else timedelta())

    monkeypatch.setattr(SystemClock, "now", now)

    def expire(pages: int) -> None:
        most[0] = pages

    return expire


async def assert_whole(workshop: Workshop, run: uuid.UUID) -> None:
    """Nothing is lost and nothing comes twice."""
    announced = await workshop.announced(run)
    assert [sequence for sequence, _ in announced] == [1, 2, 3, 4, 5]
    assert len({name for _, name in announced}) == 5
    done = await workshop.completed(run)
    assert (done.calls_fetched, done.calls_matching, done.calls_private) == (4, 4, 1)
    assert await kept(workshop) == 0


async def kept(workshop: Workshop) -> int:
    """How many pages are written down."""
    return len(await workshop.ingest.sql("SELECT 1 FROM run_pages"))


async def begun(workshop: Workshop, pages: int) -> uuid.UUID:
    """A run whose worker died once so many pages were written down, with the next one on its way perhaps."""
    run = await workshop.start()
    await die(workshop, Trap("list.after_commit", pages))
    await workshop.skip_waits()
    assert await kept(workshop) == pages
    return run


async def die(workshop: Workshop, trap: Trap) -> None:
    """One worker works until the trap kills it."""
    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)


async def grants(workshop: Workshop) -> list[str]:
    """The grants that were asked for."""
    told = await workshop.ingest.told(CredentialRequested)
    return [event.payload.grant_id for event in told if isinstance(event.payload, CredentialRequested)]


@pytest.mark.parametrize("pages", range(1, PAGES))
async def test_a_grant_that_expires_costs_no_page(
    workshop: Workshop, egress: CountingEgress, expire_behind: Callable[[int], None], pages: int
) -> None:
    run = await workshop.start()
    expire_behind(pages)
    await workshop.finish()
    assert await workshop.state(run) == "waiting_grant"
    assert (len(egress.pages), await kept(workshop)) == (pages, pages)
    expire_behind(0)
    await workshop.grant(run, version=2)
    await workshop.finish()
    assert len(egress.pages) == len(set(egress.pages)) == PAGES
    await assert_whole(workshop, run)


async def test_a_grant_for_each_page_is_enough(
    workshop: Workshop, egress: CountingEgress, expire_behind: Callable[[int], None]
) -> None:
    workshop.settings = WorkerSettings(first_delay=0.001, longest_delay=0.001, most_attempts=3)
    run = await workshop.start()
    for pages in range(1, PAGES):
        expire_behind(pages)
        await workshop.finish()
        await workshop.grant(run)
    expire_behind(0)
    await workshop.finish()
    assert len(egress.pages) == len(set(egress.pages)) == PAGES
    assert len(await grants(workshop)) == PAGES
    await assert_whole(workshop, run)


@pytest.mark.parametrize("pages", range(1, PAGES + 1))
async def test_a_death_costs_no_page_that_was_written_down(
    workshop: Workshop, egress: CountingEgress, pages: int
) -> None:
    run = await begun(workshop, pages)
    before = egress.pages[:pages]
    await workshop.finish()
    again = Counter(egress.pages)
    assert [again[cursor] for cursor in before] == [1] * pages
    assert len(again) == PAGES
    assert max(again.values()) <= 2, "at most the page that was on its way"
    await assert_whole(workshop, run)


@pytest.mark.parametrize("pages", range(1, PAGES + 1))
async def test_a_death_before_a_page_is_written_down_loses_nothing(workshop: Workshop, pages: int) -> None:
    run = await workshop.start()
    await die(workshop, Trap("list.before_commit", pages))
    assert await kept(workshop) == pages - 1
    await workshop.finish()
    await assert_whole(workshop, run)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "count": 1},
        {"malformed": True, "count": 1},
        {"truncate": True, "count": MOST_ATTEMPTS},
        {"status": 401, "count": 1},
    ],
    ids=lambda fault: next(iter(fault)),
)
async def test_an_answer_that_cannot_be_used_costs_its_own_page_only(
    workshop: Workshop, paged: RunningSandbox, egress: CountingEgress, fault: dict[str, object]
) -> None:
    run = await begun(workshop, 2)
    arm(paged, path=LIST, **fault)
    egress.pages.clear()
    await workshop.finish()
    if await workshop.state(run) == "waiting_grant":
        await workshop.grant(run)
        await workshop.finish()
    assert Counter(Counter(egress.pages).values()) == {1: PAGES - 3, 2: 1}
    await assert_whole(workshop, run)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_cursor_that_gong_does_not_know_any_more_begins_the_list_anew(
    workshop: Workshop, paged: RunningSandbox, egress: CountingEgress, status: int
) -> None:
    run = await begun(workshop, 3)
    arm(paged, path=LIST, contains="cursor", status=status, count=1)
    egress.pages.clear()
    assert await workshop.worker().work_once()
    assert [bool(cursor) for cursor in egress.pages] == [True, False, *[True] * (PAGES - 1)]
    await assert_whole(workshop, run)


async def test_a_cursor_that_is_refused_while_it_is_new_is_a_failure_that_passes(
    workshop: Workshop, paged: RunningSandbox, egress: CountingEgress
) -> None:
    run = await workshop.start()
    arm(paged, path=LIST, contains="cursor", status=400, count=1)
    assert await workshop.worker().work_once()
    assert (await workshop.state(run), await kept(workshop)) == ("ready", 0)
    await workshop.finish()
    assert egress.pages.count("") == 2
    await assert_whole(workshop, run)


async def test_a_list_that_never_knows_its_cursor_is_given_up_in_words(
    workshop: Workshop, paged: RunningSandbox
) -> None:
    run = await workshop.start()
    arm(paged, path=LIST, contains="cursor", status=400)
    await workshop.finish()
    assert "does not accept the place in its list" in await workshop.failure(run)
    [row] = await workshop.ingest.sql("SELECT attempts FROM jobs")
    assert row["attempts"] == workshop.settings.most_attempts
    assert await kept(workshop) == 0


async def test_a_page_that_fails_again_and_again_begins_the_list_anew(
    workshop: Workshop, paged: RunningSandbox, egress: CountingEgress
) -> None:
    run = await begun(workshop, 2)
    egress.pages.clear()
    arm(paged, path=LIST, contains="cursor", malformed=True, count=2)
    await workshop.finish()
    assert "" not in egress.pages
    await assert_whole(workshop, run)
    run = await begun(workshop, 2)
    egress.pages.clear()
    arm(paged, path=LIST, contains="cursor", malformed=True, count=3)
    await workshop.finish()
    assert [bool(cursor) for cursor in egress.pages] == [True] * 3 + [False] + [True] * (PAGES - 1)


async def test_a_page_that_comes_again_behind_the_gap_counts_once(workshop: Workshop, paged: RunningSandbox) -> None:
    for pages in range(1, PAGES):
        run = await begun(workshop, pages)
        arm(paged, path=LIST, contains="cursor", paging="again", count=1)
        await workshop.finish()
        await assert_whole(workshop, run)
        await workshop.ingest.sql("DELETE FROM held_calls")
        await workshop.ingest.sql("DELETE FROM outbox")


async def test_a_list_from_long_ago_is_begun_anew(workshop: Workshop, egress: CountingEgress) -> None:
    run = await begun(workshop, 3)
    await workshop.ingest.sql("UPDATE run_pages SET read_at = read_at - interval '61 min' WHERE number = 1")
    egress.pages.clear()
    await workshop.finish()
    assert len(egress.pages) == PAGES
    await assert_whole(workshop, run)


async def test_metadata_is_as_old_as_the_first_page(workshop: Workshop, egress: CountingEgress) -> None:
    """What was listed an hour ago is asked for again with the transcripts."""
    await begun(workshop, PAGES)
    await workshop.ingest.sql("UPDATE run_pages SET read_at = read_at - interval '59 min' WHERE number = 1")
    await die(workshop, Trap("fetch.before_batches"))
    await workshop.ingest.sql("UPDATE jobs SET planned_at = planned_at - interval '2 min'")
    egress.pages.clear()
    await workshop.finish()
    assert egress.pages.count("") == 2, "the four calls, in batches of two"


@pytest.mark.parametrize("news", [IntegrationConnected, IntegrationDisconnected])
async def test_another_gong_begins_the_list_anew(
    workshop: Workshop, egress: CountingEgress, news: type[IntegrationConnected | IntegrationDisconnected]
) -> None:
    run = await begun(workshop, 3)
    await workshop.ingest.hear(event_of(news(provider=PROVIDER_GONG, credential_version=2), "gong"))
    assert await kept(workshop) == 0
    egress.pages.clear()
    await workshop.finish()
    assert len(egress.pages) == PAGES
    await assert_whole(workshop, run)


async def test_pages_without_their_beginning_are_not_gone_on_with(workshop: Workshop, egress: CountingEgress) -> None:
    """A worker read on after the pages were forgotten."""
    run = await begun(workshop, 3)
    await workshop.ingest.sql("DELETE FROM run_pages WHERE number < 3")
    egress.pages.clear()
    await workshop.finish()
    assert len(egress.pages) == PAGES
    await assert_whole(workshop, run)


async def _cancel(workshop: Workshop, run: uuid.UUID) -> None:
    await workshop.ingest.hear(event_of(FetchCancelled(run_id=str(run)), str(run)))


async def _close(workshop: Workshop, run: uuid.UUID) -> None:
    await workshop.ingest.hear(event_of(RunFailed(run_id=str(run)), str(run)))


async def _fail(workshop: Workshop, run: uuid.UUID) -> None:
    await workshop.ingest.sql("UPDATE jobs SET grant_expires_at = grant_expires_at + interval '1 s'")
    await workshop.finish()
    assert await workshop.failure(run)


async def _deny(workshop: Workshop, run: uuid.UUID) -> None:
    await workshop.ingest.sql("UPDATE jobs SET grant_expires_at = clock_timestamp()")
    await workshop.finish()
    grant = (await grants(workshop))[-1]
    denied = CredentialDenied(grant_id=grant, provider=PROVIDER_GONG, reason=DENIAL_REASON_NEEDS_RECONNECT)
    await workshop.ingest.hear(event_of(denied, grant))
    assert await workshop.failure(run)


@pytest.mark.parametrize("end", [_cancel, _close, _fail, _deny])
@pytest.mark.parametrize("point", ["list.after_commit", "fetch.before_batches"])
async def test_nothing_that_was_listed_outlives_the_run(
    workshop: Workshop, end: Callable[[Workshop, uuid.UUID], Awaitable[None]], point: str
) -> None:
    run = await workshop.start()
    await die(workshop, Trap(point))
    await workshop.skip_waits()
    await end(workshop, run)
    assert await kept(workshop) == 0
    assert await workshop.ingest.sql("SELECT 1 FROM run_calls WHERE metadata IS NOT NULL") == []
