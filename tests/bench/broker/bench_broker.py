"""The embedded broker beside Google's emulator, with the same client code, and the bound of bare gRPC.

Each round publishes messages of 500 bytes in requests of 500, receives them on one stream and acknowledges them there,
all at once; the server is a process of its own. The emulator, some forty times slower, gets a tenth of the messages.
Ours speaks TLS and writes to disk, the emulator does neither, the bound speaks TLS and does not look into messages.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.pubsub_v1 import types

from bench.harness import Contestant, Row, Value, paired
from contract.broker.backends import (
    Backend,
    BrokerProcess,
    docker_answers,
    emulator_from_docker,
    emulator_from_jar,
    emulator_jar,
)
from contract.broker.clients import Clients
from local.tls import Authority

BODY = b"x" * 500
PER_REQUEST = 500
REQUESTS_AT_A_TIME = 8
LATENCY_MESSAGES = 100
ROUND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Contenders:
    """Addresses of the running servers; no emulator where there is none."""

    ours: Backend
    emulator: Backend | None
    bound: Backend


def _requests(topic: str, count: int, keys: int) -> list[types.PublishRequest]:
    made = []
    for number in range(count // PER_REQUEST):
        raw = types.PublishRequest.pb()(topic=topic)
        key = f"k{number % keys}" if keys else ""
        for _ in range(PER_REQUEST):
            raw.messages.add(data=BODY, ordering_key=key)
        made.append(types.PublishRequest.wrap(raw))
    return made


async def _publish_all(clients: Clients, requests: list[types.PublishRequest]) -> None:
    turns = asyncio.Semaphore(REQUESTS_AT_A_TIME)

    async def one(request: types.PublishRequest) -> None:
        async with turns:
            await clients.publisher.publish(request=request, timeout=ROUND_SECONDS)

    await asyncio.gather(*(one(request) for request in requests))


async def throughput(backend: Backend, count: int, keys: int) -> float:
    """Messages a second from the first publish to the last acknowledgement sent."""
    async with backend.channel() as channel, asyncio.timeout(ROUND_SECONDS):
        clients = Clients(channel)
        topic = await clients.topic()
        name = await clients.subscription(topic, ack_deadline_seconds=60, enable_message_ordering=keys > 0)
        requests = _requests(topic, count, keys)
        stream = await clients.stream(name)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_publish_all(clients, requests))
            received = 0
            while received < count:
                answer = types.StreamingPullResponse.pb(await anext(aiter(stream.answers)))
                ack_ids = [message.ack_id for message in answer.received_messages]
                stream.requests.put_nowait(types.StreamingPullRequest(ack_ids=ack_ids))
                received += len(ack_ids)
            seconds = time.perf_counter() - started
        await stream.close()
        return count / seconds


async def bare(backend: Backend, count: int) -> float:
    """The same bytes through the echo; acknowledgements of the same size go back."""
    requests = [types.PublishRequest.pb(r).SerializeToString() for r in _requests("projects/p/topics/bound", count, 0)]
    ack = types.StreamingPullRequest.pb()(ack_ids=["0123abcd-1-fffff"] * PER_REQUEST).SerializeToString()
    acks: asyncio.Queue[bytes | None] = asyncio.Queue()
    acks.put_nowait(ack)

    async def outgoing() -> AsyncIterator[bytes]:
        while (item := await acks.get()) is not None:
            yield item

    async with backend.channel() as channel, asyncio.timeout(ROUND_SECONDS):
        publish: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/google.pubsub.v1.Publisher/Publish"
        )
        open_stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull"
        )
        answers = open_stream(outgoing())
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_call_all(publish, requests))
            for _ in requests:
                await anext(aiter(answers))
                acks.put_nowait(ack)
            seconds = time.perf_counter() - started
        acks.put_nowait(None)
        answers.cancel()
        return count / seconds


async def _call_all(publish: Callable[[bytes], Awaitable[bytes]], requests: list[bytes]) -> None:
    turns = asyncio.Semaphore(REQUESTS_AT_A_TIME)

    async def one(request: bytes) -> None:
        async with turns:
            await publish(request)

    await asyncio.gather(*(one(request) for request in requests))


async def latency(backend: Backend, count: int) -> float:
    """Median milliseconds from a publish of one message to its arrival on an open stream, one at a time."""
    async with backend.channel() as channel, asyncio.timeout(ROUND_SECONDS):
        clients = Clients(channel)
        topic = await clients.topic()
        stream = await clients.stream(await clients.subscription(topic))
        taken = []
        for _ in range(count):
            started = time.perf_counter()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(clients.publish(topic, BODY))
                received = await stream.receive(1)
            taken.append((time.perf_counter() - started) * 1000)
            stream.acknowledge(received)
        await stream.close()
        return statistics.median(taken)


def _start(stack: ExitStack) -> Contenders:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    authority = Authority.open(directory / "tls")
    server = authority.server("broker")
    broker = BrokerProcess(directory / "log", "--certificate", str(server.chain), "--key", str(server.key))
    stack.callback(broker.stop)
    command = [sys.executable, str(Path(__file__).with_name("bare_echo.py")), str(server.key), str(server.chain)]
    echo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(_terminate, echo)
    assert echo.stdout is not None
    bound = Backend("bound", json.loads(echo.stdout.readline())["grpc"], authority.ca_pem)
    return Contenders(Backend("embedded", broker.address, authority.ca_pem), _emulator(stack), bound)


def _emulator(stack: ExitStack) -> Backend | None:
    jar = emulator_jar()
    if jar is not None:
        return stack.enter_context(emulator_from_jar(jar))
    return stack.enter_context(emulator_from_docker()) if docker_answers() else None


def _terminate(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.communicate(timeout=10)


async def _pull_row(contenders: Contenders, name: str, keys: int, rounds: int, count: int) -> Row:
    contestants: dict[str, Contestant] = {
        "ours": lambda: throughput(contenders.ours, count, keys),
        "bound": lambda: bare(contenders.bound, count),
    }
    if (emulator := contenders.emulator) is not None:
        contestants["alternative"] = lambda: throughput(emulator, count // 10, keys)
    return _row(name, "messages/s", await paired(rounds, contestants))


async def _latency_row(contenders: Contenders, rounds: int) -> Row:
    contestants: dict[str, Contestant] = {"ours": lambda: latency(contenders.ours, LATENCY_MESSAGES)}
    if (emulator := contenders.emulator) is not None:
        contestants["alternative"] = lambda: latency(emulator, LATENCY_MESSAGES // 4)
    return _row("latency of one message (less is better)", "ms", await paired(rounds, contestants))


def _row(name: str, unit: str, medians: Mapping[str, float]) -> Row:
    row: dict[str, Value] = {"row": name, "unit": unit}
    row |= {who: medians.get(who) for who in ("ours", "alternative", "bound")}
    if "alternative" not in medians:
        row["skipped"] = "Google's emulator: neither gcloud with java nor a Docker engine"
    return row


async def run(quick: bool) -> list[Row]:
    """Starts the servers, measures, stops them. Quick takes about half a minute."""
    rounds, count = (3, 40_000) if quick else (7, 100_000)
    with ExitStack() as stack:
        contenders = _start(stack)
        await throughput(contenders.ours, PER_REQUEST * 4, 0)  # warm up
        if contenders.emulator is not None:
            await throughput(contenders.emulator, PER_REQUEST * 4, 0)
        return [
            await _pull_row(contenders, "publish, pull, acknowledge", 0, rounds, count),
            await _pull_row(contenders, "the same with 20 ordering keys", 20, rounds, count),
            await _latency_row(contenders, rounds),
        ]
