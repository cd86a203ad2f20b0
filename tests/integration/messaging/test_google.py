"""Google's clients against the embedded broker, over TLS: publishing, streaming pull, the topology, the whole path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import PushConfig

from chaos.effects import effect_routes
from core.errors import Permanent, Transient
from database import Database
from integration.messaging.memory import A, B, count, write
from local.broker.server import Broker, BrokerSettings, Certificate
from local.tls import Authority
from messaging import Consumer, Delivery, OutgoingMessage, Processor, Relay, Verdict
from messaging.google import GooglePublisher, PullSettings, PullSubscriber, ensure, open_channel
from messaging.topology import Topology

PROJECT = "callmine-tests"
NAME = "analysis.calls"
FILE = Path(__file__).resolve().parents[3] / "deploy" / "topology.yaml"
PUSH_URLS = {"credential-vault": "https://127.0.0.1:1", "retention": "https://127.0.0.1:1"}


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a broker of this test's own, with the project's topics and subscriptions."""
    authority = Authority.open(tmp_path / "tls")
    certificate = authority.server("broker")
    settings = BrokerSettings(tmp_path / "broker", certificate=Certificate(certificate.key, certificate.chain))
    (tmp_path / "broker").mkdir()
    async with await Broker.start(settings) as broker, open_channel(broker.address, authority.ca_pem) as opened:
        await ensure(Topology.load(FILE), opened, PROJECT, PUSH_URLS)
        yield opened


@dataclass
class Recorder:
    """A processor that acknowledges, but for bodies in `later`, each of which it wants once more."""

    later: set[bytes] = field(default_factory=set)
    expected: int = 1
    halted: str = ""
    got: list[Delivery] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        verdicts = [Verdict.RETRY if one.body in self.later else Verdict.ACK for one in deliveries]
        self.got += deliveries
        self.later -= {one.body for one in deliveries}
        if len(self.got) >= self.expected:
            self.done.set()
        return verdicts


class Running:
    """A subscriber that runs for the length of a block."""

    def __init__(self, channel: grpc.aio.Channel, processor: Processor, settings: PullSettings | None = None) -> None:
        self._subscriber = PullSubscriber(channel, PROJECT, NAME, processor, settings)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._subscriber.run())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


def messages(*bodies: bytes, key: str = "run-1") -> list[OutgoingMessage]:
    return [OutgoingMessage(body, {"ce-type": "t"}, key) for body in bodies]


async def test_what_is_published_arrives_whole_and_in_order(channel: grpc.aio.Channel) -> None:
    bodies = [f"{number}".encode() for number in range(300)]
    await GooglePublisher(channel, PROJECT).publish("calls", messages(*bodies), 10)
    recorder = Recorder(expected=300)
    async with asyncio.timeout(60), Running(channel, recorder):
        await recorder.done.wait()
    assert [one.body for one in recorder.got] == bodies
    first = recorder.got[0]
    assert (first.attributes, first.ordering_key, first.subscription) == ({"ce-type": "t"}, "run-1", NAME)
    assert first.attempt == 1


async def test_what_is_to_be_retried_comes_again(channel: grpc.aio.Channel) -> None:
    await GooglePublisher(channel, PROJECT).publish("calls", messages(b"later"), 10)
    recorder = Recorder({b"later"}, expected=2)
    async with asyncio.timeout(60), Running(channel, recorder):
        await recorder.done.wait()
    assert [one.attempt for one in recorder.got] == [1, 2]


async def test_what_is_acknowledged_does_not_come_again(channel: grpc.aio.Channel) -> None:
    publisher = GooglePublisher(channel, PROJECT)
    await publisher.publish("calls", messages(b"one"), 10)
    first, second = Recorder(), Recorder()
    async with asyncio.timeout(60):
        async with Running(channel, first):
            await first.done.wait()
        await publisher.publish("calls", messages(b"two", key="run-2"), 10)
        async with Running(channel, second):
            await second.done.wait()
    assert [one.body for one in second.got] == [b"two"]


async def test_a_subscriber_that_ends_gives_back_what_it_has_not_done(channel: grpc.aio.Channel) -> None:
    """Long before the deadline of ten minutes."""

    class Stuck(Recorder):
        async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
            self.done.set()
            await asyncio.Event().wait()
            return []

    await GooglePublisher(channel, PROJECT).publish("calls", messages(b"one"), 10)
    stuck, next_one = Stuck(), Recorder()
    async with asyncio.timeout(60):
        async with Running(channel, stuck, PullSettings(deadline=600)):
            await stuck.done.wait()
        async with Running(channel, next_one):
            await next_one.done.wait()
    assert [one.body for one in next_one.got] == [b"one"]


async def test_as_many_batches_are_processed_side_by_side_as_the_settings_say(channel: grpc.aio.Channel) -> None:
    """Each waits until there are two: with one at a time nothing would ever be acknowledged. There are never three."""

    class Paired(Recorder):
        under_way, most = 0, 0

        async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            while self.most < 2:  # noqa: ASYNC110 - another call of this makes it two
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
            self.under_way -= 1
            return await super().process(deliveries)

    bodies = [f"{number}".encode() for number in range(20)]
    await GooglePublisher(channel, PROJECT).publish("calls", messages(*bodies), 10)
    paired = Paired(expected=20)
    async with asyncio.timeout(60), Running(channel, paired, PullSettings(batch=2, side_by_side=2)):
        await paired.done.wait()
    assert paired.most == 2
    assert sorted(one.body for one in paired.got) == sorted(bodies)


async def test_a_halted_processor_gets_nothing(channel: grpc.aio.Channel) -> None:
    halted = Recorder(halted="too many parked")
    await GooglePublisher(channel, PROJECT).publish("calls", messages(b"one"), 10)
    recorder = Recorder()
    async with asyncio.timeout(60):
        async with Running(channel, halted, PullSettings(halted_wait=0.01)), Running(channel, recorder):
            await recorder.done.wait()
    assert halted.got == []


async def test_a_refused_message_is_permanent_and_an_unknown_topic_is_not(channel: grpc.aio.Channel) -> None:
    publisher = GooglePublisher(channel, PROJECT)
    with pytest.raises(Permanent):
        await publisher.publish("calls", [OutgoingMessage(b"", {}, "")], 10)
    with pytest.raises(Transient):
        await publisher.publish("gossip", messages(b"one"), 10)


async def test_a_broker_that_is_away_is_transient() -> None:
    async with open_channel("127.0.0.1:1", None) as nowhere:
        with pytest.raises(Transient):
            await GooglePublisher(nowhere, PROJECT).publish("calls", messages(b"one"), 0.3)


async def test_the_topology_can_be_ensured_again_and_mends_what_differs(channel: grpc.aio.Channel) -> None:
    client = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
    path = f"projects/{PROJECT}/subscriptions/{NAME}"
    await client.modify_push_config(
        subscription=f"projects/{PROJECT}/subscriptions/retention.workspaces", push_config=PushConfig()
    )
    await ensure(Topology.load(FILE), channel, PROJECT, PUSH_URLS)
    found = await client.get_subscription(subscription=path)
    assert found.enable_message_ordering
    assert found.dead_letter_policy.dead_letter_topic == f"projects/{PROJECT}/topics/dead-letters-analysis"
    mended = await client.get_subscription(subscription=f"projects/{PROJECT}/subscriptions/retention.workspaces")
    assert mended.push_config.push_endpoint == "https://127.0.0.1:1/events/retention.workspaces"
    with pytest.raises(exceptions.NotFound):
        await client.get_subscription(subscription=path + "-other")


async def test_the_whole_path_from_one_transaction_to_another(db: Database, channel: grpc.aio.Channel) -> None:
    ids = [*await write(db, A, "run-1", "run-2", "run-1"), *await write(db, B, "run-1")]
    consumer = Consumer("analysis", db, effect_routes())
    seen = Recorder(expected=len(ids))

    class Both(Recorder):
        async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
            verdicts = await consumer.process(deliveries)
            await seen.process(deliveries)
            return verdicts

    relay = Relay(db, GooglePublisher(channel, PROJECT))
    async with asyncio.timeout(60), Running(channel, Both()):
        assert await relay.drain() == 4
        await seen.done.wait()
    assert (await count(db, "effects"), await count(db, "outbox")) == (4, 0)
