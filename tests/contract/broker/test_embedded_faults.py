"""The embedded broker alone: faults from a seed, and deadlines by a clock that tests set."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types

from contract.broker.backends import Backend
from contract.broker.clients import PROJECT, Clients, data_of
from local.broker import Broker, BrokerSettings, Faults

TOPIC = f"{PROJECT}/topics/disturbed"
SUBSCRIPTION = f"{PROJECT}/subscriptions/disturbed"


@dataclass(slots=True)
class SetClock:
    """Stands still until it is moved."""

    seconds: float = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


@asynccontextmanager
async def disturbed(
    directory: Path, faults: Faults, *, ordered: bool = False
) -> AsyncIterator[tuple[Broker, Clients, SetClock]]:
    clock = SetClock()
    async with (
        await Broker.start(BrokerSettings(directory, faults=faults), clock) as broker,
        Backend("embedded", broker.address).channel() as channel,
    ):
        clients = Clients(channel)
        await clients.publisher.create_topic(name=TOPIC)
        request = types.Subscription(name=SUBSCRIPTION, topic=TOPIC, enable_message_ordering=ordered)
        await clients.subscriber.create_subscription(request=request)
        yield broker, clients, clock


async def deliveries(directory: Path, faults: Faults) -> list[bytes]:
    """What one Pull gets of a hundred messages."""
    async with disturbed(directory, faults) as (_, clients, _):
        await clients.publish(TOPIC, *(b"%d" % i for i in range(100)))
        return data_of(await clients.pull_once(SUBSCRIPTION, 100))


@pytest.fixture
def directories(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(i) for i in range(10))


ALL = Faults(seed=7, duplicate=0.1, delay=0.1, reorder=0.3, drop=0.1)


async def test_same_seed_same_faults(directories: Iterator[Path]) -> None:
    runs = [await deliveries(next(directories), ALL) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != [b"%d" % i for i in range(100)]


async def test_another_seed_other_faults(directories: Iterator[Path]) -> None:
    assert await deliveries(next(directories), ALL) != await deliveries(next(directories), replace(ALL, seed=8))


async def test_duplicates(tmp_path: Path) -> None:
    counts = Counter(await deliveries(tmp_path, Faults(seed=1, duplicate=1.0)))
    assert set(counts.values()) == {2}


async def test_reordering_loses_nothing(tmp_path: Path) -> None:
    got = await deliveries(tmp_path, Faults(seed=1, reorder=1.0))
    assert got != (sent := [b"%d" % i for i in range(100)])
    assert sorted(got) == sorted(sent)


async def test_dropped_delivery_comes_after_its_deadline(tmp_path: Path) -> None:
    async with disturbed(tmp_path, Faults(drop=1.0)) as (broker, clients, clock):
        await clients.publish(TOPIC, b"x")
        assert await clients.pull_once(SUBSCRIPTION, wait=0.2) == []
        broker.disturb(Faults())
        clock.seconds += 9
        broker.tick()
        assert await clients.pull_once(SUBSCRIPTION, wait=0.2) == []
        clock.seconds += 1
        broker.tick()
        assert data_of(await clients.pull_once(SUBSCRIPTION)) == [b"x"]


@pytest.mark.parametrize("ordered", [False, True])
async def test_delayed_messages_come_later_in_order(tmp_path: Path, ordered: bool) -> None:
    async with disturbed(tmp_path, Faults(delay=1.0, longest_delay=5.0), ordered=ordered) as (broker, clients, clock):
        await clients.publish(TOPIC, b"1", b"2", b"3", key="k")
        assert await clients.pull_once(SUBSCRIPTION, wait=0.2) == []
        broker.disturb(Faults())
        clock.seconds += 5
        broker.tick()
        got = data_of(await clients.pull(SUBSCRIPTION, 3))
        assert sorted(got) == [b"1", b"2", b"3"]
        assert not ordered or got == [b"1", b"2", b"3"]


async def test_keyed_order_survives_all_faults_but_break_order(tmp_path: Path) -> None:
    faults = Faults(seed=3, duplicate=0.2, reorder=0.5)
    async with disturbed(tmp_path, faults, ordered=True) as (_, clients, _):
        await clients.publish(TOPIC, *(b"%d" % i for i in range(50)), key="k")
        got = data_of(await clients.pull_once(SUBSCRIPTION, 50))
    assert list(dict.fromkeys(got)) == [b"%d" % i for i in range(50)]


async def test_probability_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="duplicate"):
        Faults(duplicate=1.5)


async def test_retry_delay_grows_between_its_bounds(tmp_path: Path) -> None:
    async with disturbed(tmp_path, Faults()) as (broker, clients, clock):
        name = await clients.subscription(
            TOPIC, retry_policy={"minimum_backoff": Duration(seconds=2), "maximum_backoff": Duration(seconds=5)}
        )
        await clients.publish(TOPIC, b"x")
        for wait in (2, 4, 5, 5):
            await clients.modify(name, await clients.pull(name, 1, ack=False), 0)
            clock.seconds += wait - 0.5
            broker.tick()
            assert await clients.pull_once(name, wait=0.1) == []
            clock.seconds += 0.5
            broker.tick()


async def test_successors_of_a_late_message_come_again_even_if_acknowledged(tmp_path: Path) -> None:
    async with disturbed(tmp_path, Faults(), ordered=True) as (broker, clients, clock):
        await clients.publish(TOPIC, b"1", b"2", key="k")
        received = await clients.pull(SUBSCRIPTION, 2, ack=False)
        await clients.acknowledge(SUBSCRIPTION, received[1:])
        clock.seconds += 10
        broker.tick()
        assert data_of(await clients.pull(SUBSCRIPTION, 2)) == [b"1", b"2"]
