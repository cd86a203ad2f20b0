"""A run followed through the front door by server-sent events, while five services work on it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx
import pytest

from e2e.commands import put_on_plan
from e2e.conftest import Finished
from e2e.runs import end_of, start
from e2e.sandbox import Sandbox
from local.journey import Json, Person, admin_of, until


@dataclass(frozen=True, slots=True)
class Heard:
    """One event."""

    event: str
    id: str
    data: Json


async def events(person: Person, path: str, after: str = "") -> AsyncGenerator[Heard, None]:
    """The events of a stream, until it ends or is left."""
    headers = {"authorization": f"Bearer {await person.token()}", "accept": "text/event-stream"}
    if after:
        headers["last-event-id"] = after
    async with person.stack.client.stream("GET", person.stack.url + path, headers=headers) as answer:
        if answer.status_code == httpx.codes.NO_CONTENT:
            return
        assert answer.status_code == httpx.codes.OK, await answer.aread()
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if not line:
                if fields.get("event") in {"run", "end"}:
                    yield Heard(fields["event"], fields["id"], json.loads(fields["data"]))
                fields = {}
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


async def heard_to_the_end(person: Person, path: str, leaves_after: int) -> list[Heard]:
    """All events, by a client that goes away after so many, and comes back with the last id that it has."""
    found: list[Heard] = []
    while True:
        after = found[-1].id if found else ""
        heard = 0
        async with aclosing(events(person, path, after)) as stream:
            async for one in stream:
                found.append(one)
                heard += 1
                if one.event == "end" or heard == leaves_after:
                    break
        if found and found[-1].event == "end":
            return found
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def roomy(finished: Finished) -> Finished:
    """A workspace with room for many runs, however many there were before."""
    await put_on_plan(finished.stack, "harborline", "scale")
    person = admin_of(finished.stack, "harborline")
    await until(
        lambda: person.call("POST", "/api/v1/runs", json={"brief": "x", "model": "openai/large", "max_calls": 0}),
        lambda answer: "max_calls" in answer.text,  # the model is accepted: the larger plan has arrived
        "the larger plan does not arrive",
    )
    return finished


def checked(found: list[Heard]) -> None:
    """Nothing goes back, nothing is told twice."""
    ids = [one.id for one in found]
    assert len(set(ids)) == len(ids)
    for count in ("calls_fetched", "calls_analysed"):
        counts = [one.data[count] for one in found]
        assert counts == sorted(counts), count
    assert found[-1].id == f"{found[-2].id}.end"


async def test_a_run_is_watched_to_its_end_by_clients_that_come_and_go(roomy: Finished) -> None:
    person = admin_of(roomy.stack, "harborline")
    async with Sandbox(roomy.stack).misbehaving({"provider": "openai", "delay": 1.2}):
        run = await start(person, "harborline", max_calls=6)
        path = f"/api/v1/runs/{run['run_id']}/events"
        steady, fickle = await asyncio.gather(heard_to_the_end(person, path, 10**6), heard_to_the_end(person, path, 1))
    over = await end_of(person, run)
    for found in (steady, fickle):
        checked(found)
        end = found[-1].data
        assert (end["state"], end["report_id"]) == ("completed", over["report_id"])
        assert (end["calls_analysed"], end["calls_expected"]) == (6, 6)
    assert len(steady) > 3
    assert {"analysis", "completed"} <= {one.data["phase"] for one in steady}
    assert [one async for one in events(person, path, steady[-1].id)] == []


async def test_a_stream_is_gone_on_with_when_the_service_has_been_restarted(roomy: Finished) -> None:
    stack, person = roomy.stack, admin_of(roomy.stack, "harborline")
    async with Sandbox(stack).misbehaving({"provider": "openai", "delay": 1.0}):
        run = await start(person, "harborline", max_calls=3)
        path = f"/api/v1/runs/{run['run_id']}/events"
        before: list[Heard] = []
        async for one in events(person, path):
            before.append(one)
            if len(before) == 1:
                os.kill(stack.processes["analysis"].pid, signal.SIGTERM)
        # It ended by itself, between two events, and not because the run did.
        assert before[-1].event == "run"
        await stack.processes["analysis"].stop()
        await stack.restart("analysis")
        found = before
        while found[-1].event != "end":
            found += [one async for one in events(person, path, found[-1].id)]
    checked(found)
    assert found[-1].data["calls_analysed"] == 3


async def test_the_stream_holds_nothing_that_is_not_of_the_run(finished: Finished) -> None:
    person, stranger = admin_of(finished.stack, "harborline"), admin_of(finished.stack, "quillstone")
    run = finished.outcomes[0].run
    path = f"/api/v1/runs/{run['run_id']}/events"
    answer = await stranger.call("GET", path)
    nobody = await stranger.call("GET", "/api/v1/runs/01890000-0000-7000-8000-000000000000/events")
    assert (answer.status_code, nobody.status_code) == (404, 404)
    assert answer.json()["detail"] == nobody.json()["detail"]
    [state, end] = [one async for one in events(person, path)]
    assert (state.event, end.event) == ("run", "end")
    assert run["question"]["brief"][:40] not in json.dumps(state.data)
