"""docs/events.md, taken at its word: its consumer, typed off the page, hears what analysis publishes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.message import Message
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import Subscription

from callmine.reports.v1.reports_pb2 import ReportCompleted
from contracts import Event, attributes_of, ordering_key_of, pack
from core.ids import WorkspaceId
from database import DatabaseSettings
from local.broker.access import Policy
from local.broker.server import Broker, BrokerSettings, Certificate
from local.broker.watching import NothingToWatch, Place, watch
from local.tls import Authority
from messaging import OutgoingMessage
from messaging.google import GooglePublisher, ensure, open_channel
from messaging.topology import Topology
from testkit.capture import unrecorded

ROOT = Path(__file__).resolve().parents[3]
PROJECT = "callmine-local"
ADMIN, ANALYSIS, TEAM = "admin-token", "analysis-token", "team-token"
TOPIC = f"projects/{PROJECT}/topics/reports"
MINE = f"projects/{PROJECT}/subscriptions/congratulations.reports"
TAP = f"projects/{PROJECT}/subscriptions/tap.reports"
PUSH_URLS = {"credential-vault": "https://127.0.0.1:1", "retention": "https://127.0.0.1:1"}
A = WorkspaceId("org_workspace1")


def blocks() -> dict[str, str]:
    """The code of the page, by what its fence says after `python`."""
    return dict(re.findall(r"^```python (\w+)\n(.*?)^```$", (ROOT / "docs/events.md").read_text(), re.M | re.S))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A broker that lets in the administrator, analysis as publisher, and a team for its own subscription."""
    authority = Authority.open(tmp_path / "tls")
    certificate = authority.server("broker")
    (tmp_path / "broker").mkdir()
    policy = Policy.read(
        {
            "tokens": {ADMIN: "admin", ANALYSIS: "analysis", TEAM: "team"},
            "publishers": {TOPIC: ["analysis"]},
            "consumers": {MINE: ["team"], TAP: ["admin"]},
            "admins": ["admin"],
        }
    )
    settings = BrokerSettings(
        tmp_path / "broker", certificate=Certificate(certificate.key, certificate.chain), policy=policy
    )
    async with await Broker.start(settings) as broker:
        yield Place(broker.address, authority.ca_pem, ADMIN)


@asynccontextmanager
async def subscriber(place: Place) -> AsyncIterator[SubscriberAsyncClient]:
    async with open_channel(place.endpoint, place.authority, place.token) as channel:
        yield SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))


async def subscribe(place: Place) -> None:
    """The topics of all services, and the team's own subscription, as an administrator makes it."""
    async with open_channel(place.endpoint, place.authority, place.token) as channel:
        await ensure(Topology.load(ROOT / "deploy/topology.yaml"), channel, PROJECT, PUSH_URLS)
    async with subscriber(place) as client:
        wanted = Subscription(name=MINE, topic=TOPIC, enable_message_ordering=True)
        await client.create_subscription(request=wanted, timeout=10)


async def publish(place: Place, *calls: int, times: int = 1) -> None:
    async with open_channel(place.endpoint, place.authority, ANALYSIS) as channel:
        publisher = GooglePublisher(channel, PROJECT)
        for number in calls:
            payload = ReportCompleted(run_id=f"run-{number}", calls_analysed=number)
            event: Event[Message] = Event(
                workspace_id=A, payload=payload, producer="analysis", aggregate_id=f"run-{number}", sequence=1
            )
            key = ordering_key_of(A, event.aggregate_id)
            await publisher.publish("reports", [OutgoingMessage(pack(event), attributes_of(event), key)] * times, 10)


async def until_said(capsys: pytest.CaptureFixture[str], words: str, listening: asyncio.Task[None]) -> str:
    said = ""
    async with asyncio.timeout(60):
        while words not in said:
            assert not listening.done(), listening.exception()
            await asyncio.sleep(0.05)
            said += capsys.readouterr().out
    return said


async def test_the_consumer_of_the_page_hears_each_report_once(
    place: Place, settings: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    code = blocks()
    assert code.keys() == {"consumer", "program"}
    assert len(code["consumer"].split("async def", 1)[1].splitlines()) <= 10
    page: dict[str, Any] = {}
    for name, text in code.items():
        exec(compile(text, f"docs/events.md {name}", "exec"), page)  # noqa: S102 - the page is what is tested
    await subscribe(place)
    listen = page["listen"](PROJECT, settings.app_url, settings.sweep_url, place.endpoint, place.authority, TEAM)
    with unrecorded("no service of this name"):
        listening = asyncio.create_task(listen)
    try:
        await publish(place, 17, times=3)
        await publish(place, 18)
        said = await until_said(capsys, "on 18 calls", listening)
    finally:
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
    assert said.splitlines() == [f"{A}: a report on {number} calls is ready" for number in (17, 18)]


async def test_a_topic_can_be_watched_decoded(place: Place) -> None:
    await subscribe(place)
    seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    watching = asyncio.create_task(watch(place, "reports", seen.put_nowait))
    try:
        async with asyncio.timeout(60):
            while seen.empty():
                # What was published before somebody watched is not shown.
                await publish(place, 17)
                await asyncio.sleep(0.1)
            message = await seen.get()
    finally:
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
    assert (message["type"], message["workspace_id"]) == ("callmine.reports.v1.ReportCompleted", A)
    assert message["payload"] == {"run_id": "run-17", "calls_analysed": 17}
    async with subscriber(place) as client:
        with pytest.raises(exceptions.NotFound):
            await client.get_subscription(subscription=TAP, timeout=10)


async def test_what_cannot_be_watched_is_said(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NothingToWatch, match="there is no topic 'gossip'"):
        await watch(place, "gossip", print)
    with pytest.raises(NothingToWatch, match="make run"):
        Place.of(tmp_path / "nothing")
