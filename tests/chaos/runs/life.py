"""One life of a worker process: it hears the messages about a run and works on it, until it is killed.

Processes are forked from one that has read the code (`python -m chaos.runs.life`), for reading it takes longer than a life. That one is
given an order a line and says, a line each: `<life> pid <pid>`, `<life> at <point>`,
`<life> stopped`, `<life> late`, `<life> ended <status>`.
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import uvloop
from msgspec.structs import asdict

from analysis.domain.transcript import parse_call
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.lifecycle import Lifecycle
from analysis.handlers.messages import MessageHandlers
from analysis.handlers.notices import Notices
from analysis.main import ENTERING
from analysis.models import prompts
from analysis.models.asking import Asker, Patience
from analysis.models.catalog import catalog
from analysis.models.masking import Mask
from analysis.models.offer import read_offer
from analysis.models.providers import Providers
from analysis.workers import Workers
from analysis.workers.backoff import Backoff
from analysis.workers.pool import PoolSettings
from chaos.runs.mutants import MUTANTS
from chaos.runs.provider import Reply, _document
from cloud.objects import StoredObject, WorkspaceObjects
from core import faultpoints
from core.clock import SystemClock
from core.ids import WorkspaceId
from database import Database, DatabaseSettings, Queries
from database.pool import _Transaction
from egress import Destination, Egress
from integration.analysis.world import call_document
from messaging import Consumer, Delivery, Outbox

# Questions at a time; twice as many calls are claimed.
CONCURRENCY = 6

# Whoever lives them lets the leases of the dead end (seconds).
LEASE = 10.0

# One who stands still asks about few calls, so that there are moments without a transaction, in which it can; and it does not come to
# renewing what it has lost, which would keep it from storing too late (seconds).
STILL_CONCURRENCY, STILL_LEASE = 2, 600.0

# So often one who is to stand still comes to its point in vain; then it dies, or the calls of all others would be its own.
MOST_TRIES = 20

# What one who stood still tells when it has tried to store a result too late.
LATE = "analysis.call.stored"

# A life that nobody ends ends by itself (seconds).
_LONGEST = 300.0

# Of prctl(2).
_PARENT_DEATH_SIGNAL = 1

# Messages are heard so many at a time, as from a broker.
_BATCH = 40


@dataclass(frozen=True, slots=True)
class Order:
    """What a life is given: it dies the `hits`-th time it comes to `point`, or stands still there; never without a point.

    It stands still when no transaction is open, for it would lose that and its connection: the next time it comes there otherwise; after
    `MOST_TRIES` it dies there instead. It dies at `at_last` all the same, so that a run is not over before all deaths have been died.
    """

    life: str
    app_url: str
    sweep_url: str
    model_url: str
    ca_file: str
    folder: str
    messages: str
    point: str = ""
    hits: int = 0
    stands_still: bool = False
    at_last: str = ""
    mutant: str = ""

    def trap(self) -> faultpoints.Trap:
        """For core.faultpoints."""
        left, over, busy = self.hits, False, _open_transactions() if self.stands_still else lambda: False

        def reached(point: str) -> None:
            nonlocal left, over
            if over:
                if self.stands_still and point == LATE:
                    _say(f"{self.life} late")
                return
            left -= point == self.point
            here = left <= 0 and point == self.point
            meant = here and not busy()
            if meant or point == self.at_last or (here and left <= -MOST_TRIES):
                over = True
                _say(f"{self.life} at {point}")
                os.kill(os.getpid(), signal.SIGSTOP if meant and self.stands_still else signal.SIGKILL)

        return reached


def _open_transactions() -> Callable[[], bool]:
    """Whether any transaction of this process is open, or being opened."""
    enter, leave, number = _Transaction.__aenter__, _Transaction.__aexit__, 0

    async def entering(self: _Transaction[Any]) -> Any:
        nonlocal number
        number += 1
        try:
            return await enter(self)
        except BaseException:
            number -= 1
            raise

    async def leaving(self: _Transaction[Any], *how: Any) -> None:
        nonlocal number
        try:
            await leave(self, *how)
        finally:
            number -= 1

    _Transaction.__aenter__ = entering  # type: ignore[method-assign]
    _Transaction.__aexit__ = leaving  # type: ignore[method-assign, assignment]
    return lambda: number > 0


class Hurried(SystemClock):
    """For what is counted by time: a run's budget of retries, which gives one each 15 seconds, would keep the last calls waiting."""

    def monotonic(self) -> float:
        """A hundred times as fast."""
        return 100 * super().monotonic()


class Shelf:
    """Stored calls in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def workspace(self, workspace_id: WorkspaceId) -> WorkspaceObjects:
        """A shelf holds one run's calls: whose they are is in their names."""
        del workspace_id
        return self

    async def put(self, name: str, content: bytes) -> StoredObject:
        """Nobody writes here."""
        raise PermissionError("workers of this proof only read stored calls")

    async def get(self, name: str, sha256: str) -> bytes:
        """What is stored."""
        del sha256
        return (self._folder / name.replace("/", "_")).read_bytes()

    async def stream(self, name: str, sha256: str) -> AsyncIterator[bytes]:
        """The same in one piece."""
        yield await self.get(name, sha256)

    async def delete(self, name: str) -> None:
        """Nobody writes here."""
        raise PermissionError("workers of this proof only read stored calls")


class Key:
    """Secrets: the API key says which life asks."""

    def __init__(self, life: str) -> None:
        self._life = life

    async def read(self, name: str) -> bytes:
        """The key of whatever provider."""
        del name
        return self._life.encode()


def written(deliveries: Sequence[Delivery]) -> str:
    """Messages as a life reads them."""
    return json.dumps(
        [
            {**asdict(one), "body": base64.b64encode(one.body).decode(), "attributes": dict(one.attributes)}
            for one in deliveries
        ]
    )


def _read(path: str) -> list[Delivery]:
    return [Delivery(**{**one, "body": base64.b64decode(one["body"])}) for one in json.loads(Path(path).read_text())]


def live(order: Order) -> None:
    """A life, from its beginning to its end."""
    if order.mutant:
        MUTANTS[order.mutant]()
    if order.point:
        faultpoints.arm(order.trap())
    uvloop.run(_live(order))


async def _live(order: Order) -> None:
    settings = DatabaseSettings(app_url=order.app_url, sweep_url=order.sweep_url, app_pool=3, sweep_pool=1)
    db = await Database.open(settings, Queries.of("database", "messaging", "analysis"), order.life, ENTERING)
    destination = Destination(name="openai", base_url=order.model_url)
    other = Destination(name="anthropic", base_url=order.model_url)
    async with (
        Egress([destination, other], ca_file=order.ca_file) as egress,
        AsyncExitStack() as stack,
        asyncio.timeout(_LONGEST),
    ):
        pool = (STILL_CONCURRENCY, STILL_LEASE) if order.stands_still else (CONCURRENCY, LEASE)
        workers = Workers(PoolSettings(*pool, 0.05), Backoff(base=0.01))
        outbox = Outbox("analysis")
        lifecycle = Lifecycle(outbox, workers.wake, SystemClock())
        providers = Providers(order.model_url, order.model_url, 30.0)
        offer = read_offer()
        # Trouble goes back to the queue at once, which is where the proof looks.
        models = catalog(providers, offer, egress, Key(order.life), stack)
        asker = Asker(offer, models, Hurried(), Patience(retries=0))
        workers.equip(db, outbox, lifecycle, Shelf(Path(order.folder)), asker)
        notices = Notices(outbox, workers.wake)
        messages = MessageHandlers(lifecycle, notices, Deliveries(db, outbox, notices, workers.wake))
        consumer = Consumer("analysis.calls", db, messages.calls())
        async with asyncio.TaskGroup() as group:
            hearing = group.create_task(_hear(consumer, _read(order.messages)))
            if order.stands_still:
                # Hearing has a transaction open most of the time.
                await hearing
            group.create_task(workers.run())


async def _hear(consumer: Consumer, messages: Sequence[Delivery]) -> None:
    """All of them, whatever an earlier life has heard: the broker has not been told."""
    for start in range(0, len(messages), _BATCH):
        await consumer.process(messages[start : start + _BATCH])


def _with_its_parent() -> None:
    """Die when the process that forked this one does, where the system knows how: nobody is left when a proof is broken off."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _watched(order: Order) -> None:
    """Live in a child, and say what becomes of it."""
    _with_its_parent()
    child = os.fork()
    if child == 0:
        _with_its_parent()
        # Whatever goes wrong in a life is told by what is left of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        live(order)
        os._exit(0)
    _say(f"{order.life} pid {child}")
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            _say(f"{order.life} stopped")
            continue
        _say(f"{order.life} ended {os.waitstatus_to_exitcode(status)}")
        os._exit(0)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _parse(given: Mapping[str, object]) -> Order:
    return Order(**given)  # type: ignore[arg-type]


def _warm_up() -> None:
    """What the first question of a process takes a second for is done once for all lives."""

    async def first() -> None:
        said = _document({"model": "gpt-5-mini"}, Reply(200, "{}"))
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=said))
        client = openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=transport))
        await client.responses.create(model="gpt-5-mini", input=prompt.document, instructions="", store=False)
        await client.close()

    prompt = prompts.analyse_call("What is said?", parse_call(call_document("c1")), Mask(on=True))
    asyncio.run(first())
    gc.freeze()


def main() -> None:
    """Fork a life for each order."""
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say("ready")
    for line in sys.stdin:
        order = _parse(json.loads(line))
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            _watched(order)


if __name__ == "__main__":
    main()
