"""The push endpoint: who gets in, what is understood, what is answered."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI
from unit.messaging.conftest import AUDIENCE, EMAIL, Issuer

from messaging import Delivery, Verdict
from messaging.oidc import GoogleOidc, OidcSettings
from messaging.push import LARGEST_REQUEST, add_pushes

NAME = "retention.workspaces"


@dataclass
class Recorder:
    """A processor that remembers its batches; messages with the body `later` are to be retried."""

    batches: list[list[Delivery]] = field(default_factory=list)
    halted: str = ""
    breaks: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        self.batches.append(list(deliveries))
        self.busy.set()
        await asyncio.sleep(0)
        await self.open.wait()
        if self.breaks:
            raise RuntimeError("a bug")
        return [Verdict.RETRY if delivery.body == b"later" else Verdict.ACK for delivery in deliveries]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def client(issuer: Issuer, recorder: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    verifier = GoogleOidc(OidcSettings(AUDIENCE, {EMAIL}), issuer.keys)
    add_pushes({NAME: recorder}, verifier, app.router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {issuer.token()}"}
    async with httpx.AsyncClient(transport=transport, base_url="https://retention", headers=headers) as opened:
        yield opened


def wrapped(data: bytes = b"body", name: str = NAME, **changes: object) -> dict[str, object]:
    message = {"data": base64.b64encode(data).decode(), "messageId": "7", "attributes": {"a": "b"}, "orderingKey": "k"}
    return {"message": {**message, **changes}, "subscription": f"projects/p/subscriptions/{name}", "deliveryAttempt": 3}


async def post(client: httpx.AsyncClient, content: object, name: str = NAME) -> int:
    return (await client.post(f"/events/{name}", json=content)).status_code


async def test_a_message_arrives_whole(client: httpx.AsyncClient, recorder: Recorder) -> None:
    assert await post(client, wrapped()) == 204
    assert recorder.batches == [[Delivery("7", b"body", {"a": "b"}, "k", 3, NAME)]]


async def test_a_message_to_be_retried_is_answered_503(client: httpx.AsyncClient) -> None:
    assert await post(client, wrapped(b"later")) == 503


async def test_a_halted_consumer_answers_429_and_is_not_bothered(client: httpx.AsyncClient, recorder: Recorder) -> None:
    recorder.halted = "too many parked"
    assert await post(client, wrapped()) == 429
    assert recorder.batches == []


async def test_pushes_that_arrive_together_are_one_batch(client: httpx.AsyncClient, recorder: Recorder) -> None:
    answers = await asyncio.gather(*(post(client, wrapped(b"later" if n % 2 else b"now")) for n in range(20)))
    assert answers == [204, 503] * 10
    assert len(recorder.batches) <= 2
    assert sum(len(batch) for batch in recorder.batches) == 20


async def test_what_arrives_while_others_are_served_is_the_next_batch(
    client: httpx.AsyncClient, recorder: Recorder
) -> None:
    recorder.open.clear()
    first = asyncio.create_task(post(client, wrapped(b"first")))
    await asyncio.wait_for(recorder.busy.wait(), 10)
    others = [asyncio.create_task(post(client, wrapped(b"later"))) for _ in range(5)]
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert [len(batch) for batch in recorder.batches] == [1], "it waited for no company, and nobody overtakes it"
    recorder.open.set()
    assert await asyncio.gather(first, *others) == [204, 503, 503, 503, 503, 503]
    assert [len(batch) for batch in recorder.batches] == [1, 5]


async def test_a_processor_that_breaks_leaves_nobody_hanging(client: httpx.AsyncClient, recorder: Recorder) -> None:
    recorder.breaks = True
    answers = await asyncio.gather(*(post(client, wrapped()) for _ in range(3)))
    assert all(answer >= 500 for answer in answers)
    recorder.breaks = False
    assert await post(client, wrapped()) == 204


@pytest.mark.parametrize(
    ("token", "status"),
    [("none", 401), ("foreign audience", 401), ("foreign account", 403), ("unverified", 403)],
)
async def test_callers_that_are_not_the_broker_stay_out(
    client: httpx.AsyncClient, recorder: Recorder, issuer: Issuer, token: str, status: int
) -> None:
    tokens = {
        "none": "",
        "foreign audience": f"Bearer {issuer.token(aud='https://other')}",
        "foreign account": f"Bearer {issuer.token(email='x@y')}",
        "unverified": f"Bearer {issuer.token(email_verified=False)}",
    }
    answer = await client.post(f"/events/{NAME}", json=wrapped(), headers={"authorization": tokens[token]})
    assert answer.status_code == status
    assert recorder.batches == []


async def test_a_stranger_does_not_learn_which_subscriptions_there_are(client: httpx.AsyncClient) -> None:
    answers = [
        (await client.post(f"/events/{name}", json=wrapped(), headers={"authorization": ""})).status_code
        for name in (NAME, "audit.audit")
    ]
    assert answers == [401, 401]


async def test_another_subscription_is_not_found(client: httpx.AsyncClient) -> None:
    assert await post(client, wrapped(name="audit.audit"), "audit.audit") == 404


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"message": {}},
        wrapped(data=b"", messageId=""),
        wrapped(attributes={"a": 1}),
        {**wrapped(), "message": {"data": "not base64!", "messageId": "1"}},
        wrapped(name="audit.audit"),
    ],
)
async def test_what_is_no_push_is_answered_400(client: httpx.AsyncClient, recorder: Recorder, content: object) -> None:
    assert await post(client, content) == 400
    assert recorder.batches == []


async def test_too_large_a_request_is_cut_off(client: httpx.AsyncClient, recorder: Recorder) -> None:
    content = json.dumps(wrapped(b"x" * LARGEST_REQUEST))
    assert (await client.post(f"/events/{NAME}", content=content)).status_code == 413
    assert recorder.batches == []
