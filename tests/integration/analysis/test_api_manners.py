"""A request that is sent twice is carried out once; what has not changed is not sent again, what has is not overwritten unseen."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from core import faultpoints
from integration.analysis.site import program, site
from integration.analysis.world import ACME, RIVAL, World
from messaging.upkeep import forget_requests

QUESTION = {"brief": "What do buyers say about price?", "max_calls": 5}
SCHEDULE = {**QUESTION, "cadence": "daily", "name": "Every day"}


class Died(BaseException):
    """What kill -9 is to a process."""


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with program(site(world), ACME, "admin") as made:
        yield made


async def start(client: httpx.AsyncClient, key: str = "one", **more: object) -> httpx.Response:
    return await client.post("/api/v1/runs", json={**QUESTION, **more}, headers={"idempotency-key": key})


@asynccontextmanager
async def dying_at(point: str) -> AsyncIterator[None]:
    def trap(reached: str) -> None:
        if reached == point:
            raise Died(point)

    faultpoints.arm(trap)
    try:
        yield
    finally:
        faultpoints.arm(None)


async def count(client: httpx.AsyncClient) -> int:
    return len((await client.get("/api/v1/runs")).json()["runs"])


async def test_the_same_request_gets_the_same_answer(client: httpx.AsyncClient) -> None:
    first, again = await start(client), await start(client)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await count(client) == 1
    assert (await start(client, "two")).json()["run_id"] != first.json()["run_id"]


async def test_a_key_belongs_to_one_request(client: httpx.AsyncClient) -> None:
    await start(client)
    other = await start(client, brief="What of timing?")
    assert (other.status_code, other.json()["title"]) == (422, "This Idempotency-Key belongs to another request")
    assert await count(client) == 1


async def test_a_key_belongs_to_a_person_a_route_and_a_workspace(world: World, client: httpx.AsyncClient) -> None:
    mine = (await start(client)).json()["run_id"]
    headers = {"idempotency-key": "one"}
    assert (await client.post("/api/v1/previews", json=QUESTION, headers=headers)).status_code == 202
    async with program(site(world), RIVAL, "admin") as theirs:
        assert (await start(theirs)).json()["run_id"] != mine
        assert await count(theirs) == 1


async def test_what_failed_may_be_sent_again(client: httpx.AsyncClient) -> None:
    assert (await start(client, brief="")).status_code == 400
    assert (await start(client)).status_code == 202


async def test_of_two_at_once_one_is_carried_out(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(start(client) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["run_id"] for answer in answers if answer.status_code == 202}) == 1
    assert await count(client) == 1


@pytest.mark.parametrize("point", ["idempotency.claimed", "idempotency.before_keeping"])
async def test_a_process_that_dies_makes_nothing_twice(world: World, client: httpx.AsyncClient, point: str) -> None:
    """Before the effect, or between the effect and the answer that would have been kept."""
    async with dying_at(point):
        with pytest.raises(Died):
            await start(client)
    made = await count(client)
    assert made == (0 if point == "idempotency.claimed" else 1)
    if made:
        assert (await start(client)).status_code == 409, "nobody knows yet that it has died"
        await later(world, "claimed_until", 61)
    answer = await start(client)
    assert answer.status_code == 202
    assert await count(client) == 1


async def later(world: World, column: str, seconds: int, table: str = "idempotent_requests") -> None:
    """So many seconds pass: the clock is the database's, so what it is compared with moves."""
    connection = await asyncpg.connect(world.admin_url)
    try:
        await connection.execute(f"UPDATE {table} SET {column} = {column} - interval '{seconds} seconds'")
    finally:
        await connection.close()


async def test_after_a_day_the_answer_is_forgotten(world: World, client: httpx.AsyncClient) -> None:
    await start(client)
    assert await forget_requests(world.db) == 0
    await later(world, "created_at", 24 * 3600 + 1)
    assert await forget_requests(world.db) == 1
    assert await world.rows("SELECT 1 FROM idempotent_requests") == []


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"], ids=["empty", "long", "unprintable"])
async def test_what_is_no_key_is_told(client: httpx.AsyncClient, key: str) -> None:
    answer = await start(client, key)
    assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (400, True)


async def test_a_schedule_and_its_runs_are_made_once(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": str(uuid.uuid4())}
    made = [await client.post("/api/v1/schedules", json=SCHEDULE, headers=headers) for _ in range(2)]
    assert {answer.status_code for answer in made} == {201}
    assert made[0].content == made[1].content
    assert len((await client.get("/api/v1/schedules")).json()["schedules"]) == 1


async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    run = (await start(client)).headers["location"]
    first = await client.get(run)
    tag = first.headers["etag"]
    for wanted in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await client.get(run, headers={"if-none-match": wanted})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert same.headers["cache-control"] == "private, no-store"
    assert (await client.get(run, headers={"if-none-match": '"other"'})).content == first.content
    await client.post(f"{run}/cancel")
    changed = await client.get(run, headers={"if-none-match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


async def test_what_has_changed_is_not_overwritten_or_removed_unseen(client: httpx.AsyncClient) -> None:
    place = (await client.post("/api/v1/schedules", json=SCHEDULE)).headers["location"]
    seen = (await client.get(place)).headers["etag"]
    change = {**SCHEDULE, "name": "Every morning", "version": 1}
    assert (await client.put(place, json=change, headers={"if-match": seen})).status_code == 200
    for method in ("PUT", "DELETE"):
        body = {**change, "version": 2} if method == "PUT" else None
        stale = await client.request(method, place, json=body, headers={"if-match": seen})
        assert (stale.status_code, stale.json()["title"]) == (412, "This has changed since you read it")
    now = (await client.get(place)).headers["etag"]
    weak = await client.delete(place, headers={"if-match": f"W/{now}"})
    assert weak.status_code == 412, "a weak tag never matches strongly"
    assert (await client.delete(place, headers={"if-match": f'"other", {now}'})).status_code == 204
