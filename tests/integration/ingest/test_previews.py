"""Previews: what is counted and shown, and when the list of an earlier one is enough."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from callmine.calls.v1.calls_pb2 import PreviewReady
from callmine.credentials.v1.credentials_pb2 import CredentialRequested
from callmine.fetches.v1.fetches_pb2 import CallFilter
from callmine.integrations.v1.integrations_pb2 import PROVIDER_GONG, PROVIDER_SLACK, IntegrationDisconnected
from contract.sandbox.stage import QUILLSTONE
from core import faultpoints
from core.clock import SystemClock
from core.ids import WorkspaceId
from ingest.domain.listing import Listing
from ingest.store import listings
from ingest.workers.preview import forget_lists
from integration.ingest.harness import HARBOR, QUILL, Gong, all_time, event_of, granted, new_id, stamp
from integration.ingest.harness import preview_requested as asked_for
from integration.ingest.workshop import Killed, Trap, Workshop


def between(first: int, last: int) -> CallFilter:
    """A filter of some years."""
    return CallFilter(
        from_time=stamp(datetime(first, 1, 1, tzinfo=UTC)), to_time=stamp(datetime(last, 1, 1, tzinfo=UTC))
    )


async def preview(
    workshop: Workshop,
    wanted: CallFilter | None = None,
    workspace: WorkspaceId = HARBOR,
    gong: Gong | None = None,
    version: int = 1,
) -> PreviewReady:
    """What a preview comes to."""
    preview_id = await asked(workshop, wanted, workspace, gong, version)
    await workshop.finish()
    return await answered(workshop, preview_id)


async def asked(
    workshop: Workshop,
    wanted: CallFilter | None = None,
    workspace: WorkspaceId = HARBOR,
    gong: Gong | None = None,
    version: int = 1,
) -> uuid.UUID:
    """A preview whose credential has come."""
    preview_id = new_id()
    await workshop.ingest.hear(replace(asked_for(preview_id, wanted), workspace_id=workspace))
    [request] = [
        event
        for event in await workshop.ingest.told(CredentialRequested)
        if isinstance(event.payload, CredentialRequested) and event.payload.subject_id == str(preview_id)
    ]
    await workshop.ingest.hear(granted(request, gong or workshop.gong, timedelta(hours=1), version))
    return preview_id


async def answered(workshop: Workshop, preview_id: uuid.UUID) -> PreviewReady:
    """The one answer to a preview."""
    [event] = [event for event in await workshop.ingest.told(PreviewReady) if event.aggregate_id == str(preview_id)]
    assert isinstance(event.payload, PreviewReady)
    return event.payload


def requests(workshop: Workshop) -> int:
    """How many requests Gong has got so far."""
    return workshop.egress.metrics()["gong"].requests


def sample(workshop: Workshop, ready: PreviewReady) -> list[dict[str, object]]:
    """The calls that a preview shows."""
    document = json.loads(workshop.objects.held[ready.sample_object_name])
    assert document["version"] == 1
    shown: list[dict[str, object]] = document["calls"]
    return shown


async def test_a_preview_shows_the_newest_calls_without_private_ones(workshop: Workshop) -> None:
    ready = await preview(workshop)
    assert ready.sample_object_name.startswith(f"workspaces/{HARBOR}/previews/{ready.preview_id}/")
    assert ready.sample_size_bytes == len(workshop.objects.held[ready.sample_object_name])
    shown = sample(workshop, ready)
    assert len(shown) == ready.matching_calls == 4
    times = [str(call["started_at"]) for call in shown]
    assert times == sorted(times, reverse=True)
    assert all(call["title"] and call["participants"] and call["duration_seconds"] for call in shown)
    assert sum(int(str(call["duration_seconds"])) for call in shown) == ready.total_seconds
    everything = workshop.objects.held[ready.sample_object_name].decode()
    assert "@" not in everything, "e-mail addresses have no business there"
    assert list(workshop.objects.held) == [ready.sample_object_name]


async def test_where_nothing_matches_there_is_no_sample(workshop: Workshop) -> None:
    ready = await preview(workshop, between(2000, 2001))
    assert (ready.matching_calls, ready.sample_object_name, ready.sample_sha256) == (0, "", "")
    assert workshop.objects.held == {}


async def test_other_filters_on_the_same_range_need_no_request(workshop: Workshop) -> None:
    whole = await preview(workshop)
    before = requests(workshop)
    again = await preview(workshop)
    wanted = all_time()
    wanted.title_words.extend(["CALL", "2"])
    some = await preview(workshop, wanted)
    narrower = await preview(workshop, between(2001, 2099))
    assert requests(workshop) == before
    assert (again.matching_calls, again.total_seconds) == (whole.matching_calls, whole.total_seconds)
    assert sample(workshop, again) == sample(workshop, whole)
    assert [call["title"] for call in sample(workshop, some)] == ["Brightwater Foods: call 2"]
    assert narrower.matching_calls == 4
    assert some.matching_calls == 1


async def test_previews_at_the_same_time_read_one_list(workshop: Workshop) -> None:
    """The second comes while the first is being read: it waits for that, where its own range is among it."""
    first = await asked(workshop, between(2001, 2099))
    second = await asked(workshop, between(2002, 2098))
    assert all(await asyncio.gather(workshop.worker().work_once(), workshop.worker().work_once()))
    assert requests(workshop) == 3, "one list has three pages here"
    assert [(await answered(workshop, each)).matching_calls for each in (first, second)] == [4, 4]


async def test_a_preview_does_not_wait_for_a_list_that_would_not_do(workshop: Workshop) -> None:
    first = await asked(workshop, between(2002, 2098))
    second = await asked(workshop, between(2001, 2099))
    assert all(await asyncio.gather(workshop.worker().work_once(), workshop.worker().work_once()))
    assert requests(workshop) == 6
    assert [(await answered(workshop, each)).matching_calls for each in (first, second)] == [4, 4]


async def test_what_the_list_answers_is_what_gong_would(workshop: Workshop) -> None:
    """Each filter once by the list and once by Gong."""
    shown = sample(workshop, await preview(workshop))
    title = str(shown[0]["title"]).split()[0]
    for changes in ({"deal_stages": ["Proposal"]}, {"owners": ["Maya Lindqvist"]}, {"title_words": [title]}, {}):
        wanted = all_time()
        for name, values in changes.items():
            getattr(wanted, name).extend(values)
        before = requests(workshop)
        by_list = await preview(workshop, wanted)
        assert requests(workshop) == before
        await workshop.ingest.sql("DELETE FROM listings")
        by_gong = await preview(workshop, wanted)
        assert requests(workshop) > before
        assert (by_list.matching_calls, by_list.total_seconds) == (by_gong.matching_calls, by_gong.total_seconds)
        if by_list.matching_calls:
            assert sample(workshop, by_list) == sample(workshop, by_gong)


@pytest.mark.parametrize("why", ["earlier", "later", "old", "another credential", "switched off", "disconnected"])
async def test_when_gong_is_asked_again(workshop: Workshop, why: str) -> None:
    workshop.list_seconds = 0 if why == "switched off" else 600
    await preview(workshop, between(2001, 2099))
    if why == "old":
        await workshop.ingest.sql("UPDATE listings SET usable_until = clock_timestamp()")
    if why == "disconnected":
        gone = IntegrationDisconnected(provider=PROVIDER_GONG, credential_version=2)
        await workshop.ingest.hear(event_of(gone, f"{HARBOR}:gong"))
    before = requests(workshop)
    wanted = between(2000 if why == "earlier" else 2001, 2100 if why == "later" else 2099)
    ready = await preview(workshop, wanted, version=2 if why == "another credential" else 1)
    assert requests(workshop) > before
    assert ready.matching_calls == 4


async def test_a_list_is_that_of_the_latest_reading(workshop: Workshop) -> None:
    await preview(workshop, between(2000, 2001))
    await preview(workshop, between(2001, 2099))
    [row] = await workshop.ingest.sql(
        "SELECT from_time, to_time, usable_until - clock_timestamp() AS left FROM listings"
    )
    assert (row["from_time"].year, row["to_time"].year) == (2001, 2099)
    assert timedelta(0) < row["left"] <= timedelta(seconds=600)
    assert len(await workshop.ingest.sql("SELECT * FROM listed_calls")) == 4


async def test_another_provider_that_goes_takes_no_list_along(workshop: Workshop) -> None:
    await preview(workshop)
    gone = IntegrationDisconnected(provider=PROVIDER_SLACK, credential_version=2)
    await workshop.ingest.hear(event_of(gone, f"{HARBOR}:slack"))
    assert len(await workshop.ingest.sql("SELECT * FROM listed_calls")) == 4


async def test_a_run_lists_anew(workshop: Workshop) -> None:
    await preview(workshop)
    await workshop.ingest.sql("DELETE FROM listed_calls")
    run = await workshop.start()
    await workshop.finish()
    assert (await workshop.completed(run)).calls_fetched == 4


async def test_the_list_of_one_workspace_is_never_anothers(workshop: Workshop) -> None:
    mine = await preview(workshop)
    theirs = Gong(workshop.gong.base_url, *QUILLSTONE)
    before = requests(workshop)
    ready = await preview(workshop, workspace=QUILL, gong=theirs)
    assert requests(workshop) > before
    assert ready.sample_object_name.startswith(f"workspaces/{QUILL}/")
    assert (len(sample(workshop, mine)), len(sample(workshop, ready))) == (4, 2)
    held = await workshop.ingest.sql("SELECT workspace_id, count(*) FROM listed_calls GROUP BY 1 ORDER BY 1")
    assert {row["workspace_id"]: row["count"] for row in held} == {HARBOR: 4, QUILL: 2}


async def test_a_list_that_is_too_long_is_not_kept(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.workers.preview.Listing", lambda wanted: Listing(wanted, 3))
    assert (await preview(workshop)).matching_calls == 4
    assert await workshop.ingest.sql("SELECT * FROM listings") == []


async def test_private_calls_are_not_listed(workshop: Workshop) -> None:
    await preview(workshop)
    [private] = await workshop.ingest.sql("SELECT calls_private FROM jobs")
    assert private["calls_private"] == 1, "Harborline has one: else this test shows nothing"
    assert len(await workshop.ingest.sql("SELECT * FROM listed_calls")) == 4


async def test_two_previews_at_once_leave_one_whole_list(workshop: Workshop) -> None:
    for _ in range(4):
        await workshop.ingest.sql("DELETE FROM listings")
        ids = [await asked(workshop, wanted) for wanted in (between(2000, 2099), between(2001, 2099))]
        await asyncio.gather(*(workshop.worker().work_once() for _ in ids))
        assert [(await answered(workshop, one)).matching_calls for one in ids] == [4, 4]
        assert len(await workshop.ingest.sql("SELECT * FROM listed_calls")) == 4


@pytest.mark.parametrize("point", ["preview.after_sample", "preview.before_commit", "outbox.before_commit"])
async def test_killed_anywhere_a_preview_is_answered_once(workshop: Workshop, point: str) -> None:
    preview_id = await asked(workshop)
    faultpoints.arm(Trap(point))
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in a group where a lease was being kept
            await workshop.worker().work_once()
    finally:
        faultpoints.arm(None)
    assert died.type is Killed or died.group_contains(Killed)
    assert await workshop.ingest.sql("SELECT * FROM listings") == []
    await workshop.finish()
    ready = await answered(workshop, preview_id)
    assert len(sample(workshop, ready)) == ready.matching_calls == 4


async def test_upkeep_forgets_what_is_over_in_every_workspace_and_nothing_else(workshop: Workshop) -> None:
    await preview(workshop)
    await preview(workshop, workspace=QUILL, gong=Gong(workshop.gong.base_url, *QUILLSTONE))
    assert await listings.forget_over(workshop.ingest.db) == 0
    await workshop.ingest.sql(
        "UPDATE listings SET usable_until = now() - interval '1 second' WHERE workspace_id = $1", HARBOR
    )
    assert await listings.forget_over(workshop.ingest.db) == 1
    left = await workshop.ingest.sql("SELECT DISTINCT workspace_id FROM listed_calls")
    assert [row["workspace_id"] for row in left] == [QUILL]


async def test_upkeep_begins_at_once(workshop: Workshop) -> None:
    await preview(workshop)
    await workshop.ingest.sql("UPDATE listings SET usable_until = now() - interval '1 second'")
    upkeep = asyncio.create_task(forget_lists(workshop.ingest.db, slept := Slept()))
    await slept.once.wait()
    upkeep.cancel()
    assert await workshop.ingest.sql("SELECT * FROM listed_calls") == []


class Slept(SystemClock):
    """A clock on which a sleep never ends; `once` is set when the first begins."""

    def __init__(self) -> None:
        self.once = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Until cancelled."""
        assert seconds > 0
        self.once.set()
        await asyncio.Event().wait()
