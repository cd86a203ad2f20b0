"""The embedded broker alone: what a killed process keeps, and what it does with a log that was cut or damaged."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import ResourceExhausted
from google.pubsub_v1 import types

from contract.broker.backends import Backend, BrokerProcess
from contract.broker.clients import Clients, data_of
from local.broker import Broker, BrokerSettings, DamagedLog
from local.broker.journal import Journal
from local.broker.message import Message
from local.broker.records import Acknowledged, Kind, Published, Snapshot, SubscriptionEntry, TopicEntry
from local.broker.recovery import recover
from local.broker.store import SegmentLog


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Clients]:
    async with Backend("embedded", address).channel() as channel:
        yield Clients(channel)


WHOLE = b"whole" * 1_000
"""Large enough that its segment stays: mostly alive, it is not moved at the next start."""


def change_last_segment(directory: Path, change: Callable[[bytes], bytes]) -> None:
    last = max(directory.glob("*.log"))
    last.write_bytes(change(last.read_bytes()))


def log_size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.log"))


async def test_kill_loses_nothing_and_brings_back_only_what_is_open(tmp_path: Path) -> None:
    first = BrokerProcess(tmp_path)
    async with connected(first.address) as clients:
        topic = await clients.topic()
        name = await clients.subscription(topic, enable_message_ordering=True, ack_deadline_seconds=60)
        other = await clients.subscription(topic)
        await clients.publish(topic, *(b"%d" % i for i in range(100)), key="k")
        received = await clients.pull(name, 100, ack=False)
        await clients.acknowledge(name, received[:40])
        first.kill()
    second = BrokerProcess(tmp_path)
    async with connected(second.address) as clients:
        assert data_of(await clients.pull(name, 60)) == [b"%d" % i for i in range(40, 100)]
        assert len(await clients.pull(other, 100)) == 100
        [fresh] = await clients.publish(topic, b"new")
        assert int(fresh) > max(int(m.message.message_id) for m in received)
    second.stop()


async def test_ack_id_of_a_former_life_settles_nothing(tmp_path: Path) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        topic = await clients.topic()
        name = await clients.subscription(topic)
        await clients.publish(topic, b"x")
        old = await clients.pull(name, 1, ack=False)
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        again = await clients.pull(name, 1, ack=False)
        await clients.acknowledge(name, old)
        await clients.modify(name, again, 0)
        assert data_of(await clients.pull(name, 1)) == [b"x"]


@pytest.mark.parametrize("cut", [1, 5, 60])
async def test_torn_tail_is_cut_off_and_said(tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        topic = await clients.topic()
        name = await clients.subscription(topic)
        await clients.publish(topic, WHOLE)
        await clients.publish(topic, b"torn" * 20)
    change_last_segment(tmp_path, lambda content: content[:-cut])
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        assert data_of(await clients.pull(name, 1, ack=False)) == [WHOLE]
        assert await clients.pull_once(name, wait=0.2) == []
    # Cut off for good: what was torn must not stand in the middle of the log at the next start.
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        assert data_of(await clients.pull(name, 1)) == [WHOLE]
    assert "torn record" in caplog.text


async def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        topic = await clients.topic()
        await clients.subscription(topic)
        await clients.publish(topic, b"AAAA")
        await clients.publish(topic, b"BBBB")
    change_last_segment(tmp_path, lambda content: content.replace(b"AAAA", b"AAAB"))
    with pytest.raises(DamagedLog, match="checksum"):
        await Broker.start(BrokerSettings(tmp_path))


async def test_fsync_answers_as_well(tmp_path: Path) -> None:
    async with (
        await Broker.start(BrokerSettings(tmp_path, fsync=True)) as broker,
        connected(broker.address) as clients,
    ):
        topic = await clients.topic()
        name = await clients.subscription(topic)
        await clients.publish(topic, b"x")
        assert data_of(await clients.pull(name, 1)) == [b"x"]


async def test_restart_forgets_what_is_settled(tmp_path: Path) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        topic = await clients.topic()
        name = await clients.subscription(topic)
        await clients.publish(topic, *(b"x" * 1000 for _ in range(500)))
        await clients.pull(name, 500)
        before = log_size(tmp_path)
    async with await Broker.start(BrokerSettings(tmp_path)):
        after = log_size(tmp_path)
    assert before > 500_000 > 10_000 > after


async def test_full_disk_refuses_the_publish_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker, connected(broker.address) as clients:
        topic = await clients.topic()
        name = await clients.subscription(topic)

        refused = types.PublishRequest(topic=topic, messages=[types.PubsubMessage(data=b"refused")])

        def full(descriptor: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("local.broker.store.os.write", full)
            with pytest.raises(ResourceExhausted, match="Free disk space"):
                await clients.publisher.publish(request=refused, retry=None)
        await clients.publish(topic, b"taken")
        assert data_of(await clients.pull(name, 1)) == [b"taken"]


SNAPSHOT = Snapshot(1, 9, (TopicEntry(1, b"t"),), (SubscriptionEntry(2, 1, b"a"), SubscriptionEntry(3, 1, b"b")))


def test_message_left_in_an_old_segment_is_carried_forward(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path, segment_bytes=1_000)
    messages: dict[int, Message] = {}
    journal = Journal(log, lambda: SNAPSHOT, messages, lambda number: [3] if number == 1 else [])
    journal.configure()
    for number in range(1, 40):
        segment = journal.publish(1, number, [b"m" * 90])
        messages[number] = Message(number, "", b"m" * 90, b"", segment, waiting=2)
        segment.keep(number, 90)
    journal.acknowledge(2, range(1, 40))
    journal.acknowledge(3, range(2, 40))
    for number in range(2, 40):
        messages[number].release()
        messages.pop(number).release()
    journal.compact()
    journal.close()
    assert len(list(tmp_path.glob("*.log"))) == 1
    recovered = recover(SegmentLog(tmp_path).read())
    assert {(s.number, tuple(s.waiting)) for s in recovered.ordered()} == {(1, (3,))}


def test_log_is_replayed_in_the_order_it_was_written(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path)
    log.roll(SNAPSHOT.record())
    log.append([Published(1, 1, [b"a", b"b"]).record(), Acknowledged(2, [1]).record()])
    log.append([Snapshot(3, 9, SNAPSHOT.topics, SNAPSHOT.subscriptions[:1]).record()])
    log.close()
    state = recover(SegmentLog(tmp_path).read())
    assert [(s.number, s.data, s.waiting) for s in state.ordered()] == [(2, b"b", {2})]
    assert state.snapshot.next_message == 3
    assert Kind(1) is Kind.SNAPSHOT


async def test_port_zero_gives_a_real_address(tmp_path: Path) -> None:
    async with await Broker.start(BrokerSettings(tmp_path)) as broker:
        async with grpc.aio.insecure_channel(broker.address) as channel:
            await channel.channel_ready()
        assert broker.address.startswith("127.0.0.1:")
