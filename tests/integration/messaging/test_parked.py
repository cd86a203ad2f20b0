"""Parked messages: list, show, replay, drop; from Python, the command line, and the operators' endpoint."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from typer.testing import CliRunner

from callmine.calls.v1.calls_pb2 import CallFetched
from chaos.effects import open_effects, record_effects
from core.errors import CallmineError, Conflict, Forbidden, NotFound, Permanent, Transient, Unauthenticated
from database import Database, DatabaseSettings, Tx
from integration.messaging.memory import SUBSCRIPTION, A, MemoryPublisher, count, delivery, event, failing, write
from messaging import Consumer, Parked, Relay, Routes
from messaging.operator import add_upkeep
from messaging.parked_cli import parked_app
from runtime.operators import operators_only


class Desk:
    """A consumer whose handler can be repaired, with one message parked."""

    def __init__(self, db: Database) -> None:
        self.failure: Exception | None = Permanent("the run is unknown")
        routes = Routes()
        routes.on_many(CallFetched, self._handle)
        self.consumer = Consumer("analysis", db, routes)
        self.parked = Parked(db, {SUBSCRIPTION: self.consumer})

    async def _handle(self, tx: Tx, events: object) -> None:
        if self.failure is not None:
            raise self.failure
        await record_effects(tx, events)  # type: ignore[arg-type]

    async def park(self) -> int:
        await self.consumer.process([delivery(event())])
        return (await self.parked.list())[0].id


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db)


async def test_a_repaired_handler_takes_the_replayed_message_once(db: Database, desk: Desk) -> None:
    message_id = await desk.park()
    desk.failure = None
    await desk.parked.replay(message_id)
    assert await count(db, "effects") == 1
    with pytest.raises(Conflict):
        await desk.parked.replay(message_id)
    assert (await desk.parked.show(message_id)).state == "replayed"
    assert await count(db, "effects") == 1


async def test_what_still_fails_stays_parked_and_says_why(desk: Desk) -> None:
    message_id = await desk.park()
    with pytest.raises(Conflict, match="the run is unknown"):
        await desk.parked.replay(message_id)
    desk.failure = Transient("the database is away")
    with pytest.raises(Transient):
        await desk.parked.replay(message_id)
    desk.failure = ValueError("secret words")
    with pytest.raises(Conflict, match="ValueError") as told:
        await desk.parked.replay(message_id)
    assert "secret" not in str(told.value)
    assert (await desk.parked.show(message_id)).state == "parked"


async def test_a_message_that_fails_again_after_its_replay_is_parked_anew(db: Database, desk: Desk) -> None:
    ids = await write(db, event().workspace_id, "a")
    relay = Relay(db, MemoryPublisher(failing("a", Permanent)))
    for _ in range(2):
        await relay.drain()
        (message,) = await desk.parked.list()
        assert (message.event_id, message.state) == (str(ids[0]), "parked")
        await desk.parked.replay(message.id)
    assert await count(db, "outbox") == 1


async def test_dropping_forgets_the_body_and_keeps_the_reason(desk: Desk) -> None:
    message_id = await desk.park()
    await desk.parked.drop(message_id)
    message = await desk.parked.show(message_id)
    assert (message.state, message.size, message.reason) == ("dropped", 0, "the run is unknown")
    for again in (desk.parked.drop, desk.parked.replay):
        with pytest.raises(Conflict):
            await again(message_id)


async def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    for work in (desk.parked.show, desk.parked.replay, desk.parked.drop):
        with pytest.raises(NotFound):
            await work(404)


async def test_a_message_of_another_services_subscription_is_not_replayed_here(db: Database, desk: Desk) -> None:
    message_id = await desk.park()
    with pytest.raises(Conflict, match=SUBSCRIPTION):
        await Parked(db).replay(message_id)


async def test_pages_are_newest_first(desk: Desk) -> None:
    await desk.consumer.process([delivery(event(f"run-{n}")) for n in range(3)])
    first = await desk.parked.list(limit=2)
    rest = await desk.parked.list(limit=2, before=first[-1].id)
    keys = [one.id for one in (*first, *rest)]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == 3


async def test_the_command_line_lists_shows_replays_and_drops(desk: Desk, settings: DatabaseSettings) -> None:
    await desk.consumer.process([delivery(event("run-of-somebody"))])
    [message_id] = [one.id for one in await desk.parked.list()]

    @asynccontextmanager
    async def opened() -> AsyncIterator[Parked]:
        async with open_effects(settings) as db:
            yield Parked(db, {SUBSCRIPTION: Desk(db).consumer})

    async def command(*arguments: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, parked_app(opened), arguments)
        return result.exit_code, result.output.replace("\n", " ")

    assert json.loads((await command("list", "--json"))[1])[0]["id"] == message_id
    assert "analysis.calls" in (await command("list"))[1]
    shown = (await command("show", str(message_id)))[1]
    assert (json.loads(shown)["id"], json.loads(shown)["reason"]) == (message_id, "the run is unknown")
    known = await desk.parked.show(message_id)
    assert (known.ordering_key, bool(known.attributes)) == ("run-of-somebody", True)
    for output in (shown, (await command("list", "--json"))[1], (await command("list"))[1]):
        assert not {"run-of-somebody", "ordering_key", "attributes", "body"} & set(re.findall(r"[a-z_-]+", output))
    assert (await command("show", str(message_id), "--body", "file"))[0] == 2, "what is in it is shown to nobody"
    code, told = await command("replay", str(message_id))
    assert (code, "the run is unknown" in told) == (1, True)
    assert (await command("drop", str(message_id), "--yes"))[0] == 0
    assert "Nothing is parked" in (await command("list"))[1]


class _Verifier:
    async def verify(self, authorization: str) -> str:
        if not authorization:
            raise Unauthenticated("who are you")
        if authorization != "Bearer operator":
            raise Forbidden("not you")
        return "operator@callmine.iam.gserviceaccount.com"


async def test_the_operators_endpoint_is_for_operators(db: Database, desk: Desk) -> None:
    message_id = await desk.park()
    publisher = MemoryPublisher()
    desk.failure = None
    app = FastAPI()
    app.include_router(operators_only(_Verifier(), partial(add_upkeep, desk.parked, Relay(db, publisher))))

    @app.exception_handler(CallmineError)
    async def told(_: Request, error: Exception) -> Response:
        assert isinstance(error, CallmineError)
        return Response(status_code=error.status)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://analysis") as client:
        for headers, status in (({}, 401), ({"authorization": "Bearer member"}, 403)):
            assert (await client.get("/operator/parked", headers=headers)).status_code == status
            assert (await client.post(f"/operator/parked/{message_id}/drop", headers=headers)).status_code == status
        client.headers["authorization"] = "Bearer operator"
        [told_of] = (await client.get("/operator/parked")).json()
        assert told_of["id"] == message_id
        assert not {"attributes", "ordering_key", "body"} & set(told_of)
        assert (await client.post(f"/operator/parked/{message_id}/replay")).status_code == 204
        assert (await client.post(f"/operator/parked/{message_id}/replay")).status_code == 409
        assert (await client.post("/operator/parked/404/drop")).status_code == 404
        await write(db, A, "left behind by a process that died")
        answer = (await client.post("/operator/drain")).json()
        assert (answer["published"], answer["events"], len(publisher.stored)) == (1, 0, 1)
    async with httpx.AsyncClient(transport=transport, base_url="https://analysis") as stranger:
        assert (await stranger.post("/operator/drain")).status_code == 401
