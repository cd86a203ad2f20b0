"""Clerk's webhooks: delivered over TLS, signed as Svix signs, repeated until accepted, the same message each time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from svix.webhooks import Webhook

from contract.sandbox.specs import specification
from contract.sandbox.stage import WEBHOOK_SECRET, Stage, admin
from local.sandbox.clerk import courier
from local.sandbox.server import running


@dataclass(slots=True)
class Receiver:
    """A receiver that turns the first attempts away."""

    refuse_first: int = 0
    attempts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    accepted: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    async def take(self, request: Request) -> Response:
        attempt = (dict(request.headers), await request.body())
        self.attempts.append(attempt)
        if len(self.attempts) <= self.refuse_first:
            return Response(status_code=503)
        self.accepted.put_nowait(attempt)
        return Response(status_code=204)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(stage: Stage, receiver: Receiver) -> AsyncIterator[str]:
    stage.settings()
    app = Starlette(routes=[Route("/webhooks/clerk", receiver.take, methods=["POST"])])
    config = uvicorn.Config(
        app,
        ssl_certfile=stage.folder / "cert.pem",
        ssl_keyfile=stage.folder / "key.pem",
        ws="none",
        lifespan="off",
        log_level="warning",
    )
    server = _Server(config)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listener]))
            yield f"https://localhost:{listener.getsockname()[1]}/webhooks/clerk"
            server.should_exit = True


def clerk_section(url: str) -> dict[str, object]:
    return {"webhook_url": url, "webhook_secret": WEBHOOK_SECRET, "link_prefix": "/clerk"}


async def test_all_organisations_and_memberships_arrive_signed(stage: Stage) -> None:
    receiver = Receiver()
    async with listening(stage, receiver) as url, running(stage.settings(clerk=clerk_section(url))):
        async with asyncio.timeout(10):
            taken = [await receiver.accepted.get() for _ in range(8)]
    kinds = []
    for headers, body in taken:
        Webhook(WEBHOOK_SECRET).verify(body, headers)
        event = json.loads(body)
        specification("clerk_webhooks").check_webhook(event, event["type"])
        kinds.append(event["type"])
    assert kinds == ["organization.created"] * 2 + ["organizationMembership.created"] * 6
    assert len({headers["svix-id"] for headers, _ in taken}) == 8


async def test_a_refused_message_comes_again_under_the_same_id(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "FIRST_WAIT", 0.01)
    receiver = Receiver(refuse_first=2)
    async with listening(stage, receiver) as url, running(stage.settings(clerk=clerk_section(url))):
        async with asyncio.timeout(10):
            await receiver.accepted.get()
    first = [headers["svix-id"] for headers, _ in receiver.attempts[:3]]
    assert len(set(first)) == 1
    assert len({body for _, body in receiver.attempts[:3]}) == 1


async def test_events_on_demand(stage: Stage) -> None:
    receiver = Receiver()
    order = {
        "type": "organizationMembership.updated",
        "user": "user_harborline02",
        "organization": "org_harborline01",
        "role": "admin",
        "at_ms": 1_767_300_000_000,
    }
    async with (
        listening(stage, receiver) as url,
        running(stage.settings(clerk=clerk_section(url))) as sandbox,
        stage.client(sandbox.url) as client,
        asyncio.timeout(10),
    ):
        for _ in range(8):
            await receiver.accepted.get()
        answer = await client.post("/clerk/_webhooks", json=order, headers=admin())
        assert answer.status_code == 202
        assert (await client.post("/clerk/_webhooks", json=order)).status_code == 401
        headers, body = await receiver.accepted.get()
    Webhook(WEBHOOK_SECRET).verify(body, headers)
    event = json.loads(body)
    specification("clerk_webhooks").check_webhook(event, event["type"])
    assert (event["data"]["role"], event["data"]["updated_at"]) == ("org:admin", 1_767_300_000_000)


async def test_an_altered_body_fails_verification(stage: Stage) -> None:
    receiver = Receiver()
    async with listening(stage, receiver) as url, running(stage.settings(clerk=clerk_section(url))):
        async with asyncio.timeout(10):
            headers, body = await receiver.accepted.get()
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(WEBHOOK_SECRET).verify(body + b" ", headers)
