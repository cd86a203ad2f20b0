"""Runs followed by clients: events as they are written, reconnects, refusals, and the page."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from fastapi import FastAPI
from google.protobuf.message import Message
from unit.web.issuer import settings

from analysis.domain.run import RunState
from analysis.handlers.live import LiveLimits, LiveRuns
from analysis.http.frame import Frame
from analysis.http.live import LiveRoutes
from callmine.workspaces.v1.workspaces_pb2 import ROLE_MEMBER, MemberAdded, MemberRemoved
from integration.analysis.site import program, sessions, site, token
from integration.analysis.watched import arrive, started
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from messaging.memberships import note_member
from runtime.members import ToldMembers
from testkit.streams import Heard, listening, until
from web import Pages, create_app
from web.sse import StreamLimits


def followed(world: World, live: LiveRuns, limits: StreamLimits | None = None, *, members: bool = False) -> FastAPI:
    """The streams' app; with `members`, who was removed is not let in."""
    return create_app(
        service="analysis",
        settings=settings(),
        routers=[LiveRoutes(live, Frame(world.desk, Pages("analysis")), limits).router()],
        sessions=sessions(),
        members=ToldMembers(world.db) if members else None,
    )


def signed_in(person: str = "user_2abc") -> dict[str, str]:
    return {"authorization": f"Bearer {token(ACME, person=person)}", "accept": "text/event-stream"}


def document(heard: Heard | None) -> dict[str, object]:
    assert heard is not None
    found: dict[str, object] = json.loads(heard.data)
    return found


async def test_an_event_is_the_whole_state(world: World, live: LiveRuns) -> None:
    run_id = await world.finished_run(2)
    async with listening(followed(world, live), f"/api/v1/runs/{run_id}/events", signed_in()) as listener:
        state, end = await listener.rest()
    assert (state.event, end.event, end.id) == ("run", "end", f"{state.id}.end")
    told = document(state)
    assert told["version"] == state.id
    assert (told["state"], told["phase"], told["ended"], told["percent"]) == ("completed", "completed", True, 100)
    assert (told["calls_analysed"], told["calls_expected"]) == (2, 2)
    assert [stage["state"] for stage in told["stages"]] == ["done"] * 4  # type: ignore[attr-defined]
    assert "html" not in told
    assert document(end)["report_id"] == told["report_id"]
    assert "brief" not in state.data


async def test_the_pages_stream_draws_the_part_as_the_page_does(world: World, live: LiveRuns) -> None:
    run_id = await world.finished_run(2)
    async with listening(followed(world, live), f"/runs/{run_id}/events", signed_in()) as listener:
        state, _ = await listener.rest()
    async with program(site(world), ACME) as client:
        part = await client.get(f"/runs/{run_id}", headers={"hx-request": "true"})
    assert document(state)["html"] == part.text
    assert f'data-version="{state.id}"' in part.text


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_client_goes_on_from_where_it_was(world: World, live: LiveRuns, way: str) -> None:
    run_id = await started(world)
    app, path = followed(world, live), f"/api/v1/runs/{run_id}/events"

    def after(event_id: str) -> tuple[str, dict[str, str]]:
        if way == "query":
            return f"{path}?after={event_id}", signed_in()
        return path, {**signed_in(), "last-event-id": event_id}

    async with listening(app, path, signed_in()) as listener:
        first = await listener.next()
        assert first is not None
    await arrive(world, run_id, 3)
    async with listening(app, *after(first.id)) as listener:
        second = await listener.next()
        assert document(second)["calls_fetched"] == 3
        assert second is not None
    await world.desk.cancel(ACME, run_id, MAYA)
    async with listening(app, *after(second.id)) as listener:
        ended = await listener.rest()
        assert [one.event for one in ended] == ["run", "end"]
    async with listening(app, *after(ended[0].id)) as listener:
        assert [one.event for one in await listener.rest()] == ["end"]
    async with listening(app, *after(ended[1].id)) as listener:
        assert await listener.rest() == []
        assert listener.status == 204
    async with listening(app, *after("what-nobody-said")) as listener:
        assert [one.event for one in await listener.rest()] == ["run", "end"]


async def test_an_id_that_is_too_long_is_refused(world: World, live: LiveRuns) -> None:
    path = f"/api/v1/runs/{await started(world)}/events?after={'x' * 101}"
    async with listening(followed(world, live), path, signed_in()) as listener:
        pass
    assert listener.status == 400


@pytest.mark.parametrize("path", ["/runs/{}/events", "/api/v1/runs/{}/events"])
async def test_nobody_follows_what_is_not_theirs(world: World, live: LiveRuns, path: str) -> None:
    run_id = await world.desk.start(RIVAL, question(), MAYA)
    answers = []
    for asked in (run_id, UUID(int=run_id.int ^ 1), "nonsense"):
        async with listening(followed(world, live), path.format(asked), signed_in()) as listener:
            pass
        answers.append((listener.status, listener.body.replace(str(asked).encode(), b"ID").partition(b'"ref')[0]))
    assert {status for status, _ in answers} == {404}
    assert len(set(answers)) == 1
    async with listening(followed(world, live), path.format(run_id)) as listener:
        pass
    assert listener.status == 401


async def test_too_many_streams_are_told_to_come_back_later(world: World) -> None:
    run_id, live = await started(world), LiveRuns(world.db, LiveLimits(of_person=1))
    app, path = followed(world, live), f"/api/v1/runs/{run_id}/events"
    async with listening(app, path, signed_in()) as first:
        await first.next()
        async with listening(app, path, signed_in()) as second:
            pass
        assert (second.status, second.headers["retry-after"]) == (429, "15")
        problem = json.loads(second.body)
        assert problem["type"].endswith("too-many-streams")
        assert "Close some of the pages" in problem["detail"]
        async with listening(app, path, signed_in("user_3def")) as other:
            assert await other.next() is not None


async def told_of(world: World, message: Message, sequence: int) -> None:
    """The service has heard from ingest of a member."""
    async with world.db.workspace(ACME) as tx:
        await note_member(tx, world.event(message, f"{ACME}:member", sequence=sequence))


async def test_a_removed_member_hears_nothing_more(world: World, live: LiveRuns) -> None:
    run_id, person = await started(world), "user_2abc"
    await told_of(world, MemberAdded(user_id=person, role=ROLE_MEMBER), 1)
    app = followed(world, live, StreamLimits(recheck=0.02), members=True)
    async with (
        listening(app, f"/api/v1/runs/{run_id}/events", signed_in()) as removed,
        listening(app, f"/api/v1/runs/{run_id}/events", signed_in("user_3def")) as other,
    ):
        await removed.next(), await other.next()
        await told_of(world, MemberRemoved(user_id=person), 2)
        assert await removed.next() is None
        await arrive(world, run_id)
        assert document(await other.next())["calls_fetched"] == 1
        async with listening(app, f"/api/v1/runs/{run_id}/events", signed_in()) as again:
            pass
        assert again.status == 403
    assert live.streams == 0


async def test_a_client_that_goes_away_leaves_nothing_behind(world: World, live: LiveRuns) -> None:
    run_id = await started(world)
    async with listening(followed(world, live), f"/api/v1/runs/{run_id}/events", signed_in()) as listener:
        await listener.next()
        assert live.streams == 1
        listener.leave()
        await until(lambda: live.streams == 0)
    assert live._topics == {}


async def test_the_page_of_a_run_says_where_its_events_are(world: World) -> None:
    run_id = await started(world)
    async with program(site(world), ACME) as client:
        page = await client.get(f"/runs/{run_id}", headers={"accept": "text/html"})
        assert f'data-events="/runs/{run_id}/events"' in page.text
        assert "live.js" in page.text
        assert '<noscript><meta http-equiv="refresh"' in page.text
        await world.desk.cancel(ACME, run_id, MAYA)
        over = await client.get(f"/runs/{run_id}", headers={"accept": "text/html"})
    assert "data-events" not in over.text
    assert "live.js" not in over.text
    assert RunState.CANCELLED.value.title() in over.text


async def test_a_run_under_way_is_shown_with_its_pace(world: World) -> None:
    run_id = await started(world)
    calls = [await world.fetched(run_id, f"c{number}") for number in range(6)]
    await world.deliver(*calls, world.completed(run_id, 12))
    await world.workers.drain()
    await world.owner("UPDATE runs SET started_at = now() - interval '60 seconds'")
    async with program(site(world), ACME) as client:
        shown = (await client.get(f"/runs/{run_id}", headers={"hx-request": "true"})).text
    assert "about 1 min, then the summary" in shown
    assert "6.0 calls a minute" in shown
    assert "6 of 12" in shown
