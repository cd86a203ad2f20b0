"""A process of the audit service that takes part in a proof: `python -m chaos.audit.life`, told what to do on standard input.

It takes every message of its seed, in batches as the broker would bring them, and seals now and then. At the named point, reached for the
n-th time, it kills itself with SIGKILL. One that outlives its seed says which checkpoints it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.events import routes
from audit.log import store
from audit.log.keys import Salts
from audit.log.sealing import Sealer, SealerSettings
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from chaos.audit.books import KEYRING, ORIGIN
from contracts import Actor, ActorKind, Event, Source
from core import faultpoints
from core.errors import Transient
from core.ids import WorkspaceId
from database import Database, DatabaseSettings, Queries
from messaging import Consumer, Delivery, Verdict
from testkit.messages import delivery

WORKSPACES = tuple(WorkspaceId(f"org_proof{number}") for number in range(5))
_BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
_KINDS = [value for value in AdminActionType.values() if value]


@dataclass(frozen=True, slots=True)
class Order:
    """What a life is to do; `point` is where it dies, empty for nowhere. `writers` take messages side by side."""

    app_url: str
    sweep_url: str
    seed: int
    messages: int
    point: str = ""
    nth: int = 1
    writers: int = 1
    sealing: bool = True


def messages(seed: int, count: int) -> list[Event[AdminAction]]:
    """The messages of a seed: always the same, ids included."""
    rng = random.Random(seed)
    return [_message(rng, number) for number in range(count)]


def _message(rng: random.Random, number: int) -> Event[AdminAction]:
    person = f"user_{rng.randrange(6)}"
    target = f"user_{rng.randrange(6)}" if rng.random() < 0.5 else f"thing-{number}"
    diff = [FieldChange(field=f"f{place}", before=str(number), after="é") for place in range(rng.randrange(3))]
    return Event(
        workspace_id=rng.choice(WORKSPACES),
        payload=AdminAction(
            type=rng.choice(_KINDS),
            target_kind="member" if target.startswith("user_") else "schedule",
            target_id=target,
            diff=diff,
        ),
        producer="ingest",
        aggregate_id=target,
        sequence=number,
        event_id=uuid.UUID(int=rng.getrandbits(128) & ~(0xF << 76) | 7 << 76),
        occurred_at=_BEGAN + timedelta(seconds=number),
        actor=Actor(ActorKind.USER, person, f"{person}@example.com", Source.WEB),
    )


class _Life:
    def __init__(self, order: Order, db: Database) -> None:
        self._order = order
        self._db = db
        self._salts = Salts()
        self._seen: set[tuple[str, str]] = set()
        self._rng = random.Random(order.seed)

    async def live(self) -> Sequence[tuple[str, str]]:
        """All messages, with sealing in between; the checkpoints seen."""
        consumer = Consumer("audit.audit", self._db, routes(self._salts))
        told = messages(self._order.seed, self._order.messages)
        parts = [told[start :: self._order.writers] for start in range(self._order.writers)]
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            sealing = group.create_task(self._seal_until(done))
            async with asyncio.TaskGroup() as writers:
                for part in parts:
                    writers.create_task(self._take(consumer, part))
            done.set()
            await sealing
        return sorted(self._seen)

    async def _take(self, consumer: Consumer, told: Sequence[Event[AdminAction]]) -> None:
        start = 0
        while start < len(told):
            size = self._rng.randrange(1, 40)
            batch = [delivery(event) for event in told[start : start + size]]
            await self._delivered(consumer, batch)
            start += size
            if self._order.writers == 1:
                await self._seal()

    async def _delivered(self, consumer: Consumer, batch: Sequence[Delivery]) -> None:
        """As the broker does: what is not acknowledged comes again."""
        while any(verdict is not Verdict.ACK for verdict in await consumer.process(batch)):
            pass

    async def _seal_until(self, done: asyncio.Event) -> None:
        while self._order.sealing and self._order.writers > 1 and not done.is_set():
            await self._seal()
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.01)
        await self._seal()

    async def _seal(self) -> None:
        sealer = Sealer(self._db, KEYRING, SealerSettings(ORIGIN))
        try:
            await sealer.drain()
        except Transient:
            return
        for workspace_id in WORKSPACES:
            async with self._db.workspace(workspace_id) as tx:
                if note := (await store.head(tx)).checkpoint:
                    self._seen.add((workspace_id, note))


def _armed(order: Order) -> None:
    left = order.nth

    def trap(reached: str) -> None:
        nonlocal left
        if reached == order.point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    faultpoints.arm(trap)


async def _main(order: Order) -> None:
    settings = DatabaseSettings(order.app_url, order.sweep_url, app_pool=10, sweep_pool=3)
    db = await Database.open(settings, Queries.of("database", "messaging", "audit"), "audit")
    if order.point:
        _armed(order)
    try:
        seen = await _Life(order, db).live()
    finally:
        await db.close()
    json.dump(seen, sys.stdout)


async def lived(order: Order) -> tuple[int, list[tuple[str, str]]]:
    """Let a process live; its exit status (negative: the signal that killed it) and the checkpoints it saw."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "chaos.audit.life", stdin=pipe, stdout=pipe)
    out, _ = await child.communicate(json.dumps(asdict(order)).encode())
    assert child.returncode is not None
    seen = json.loads(out) if child.returncode == 0 else []
    return child.returncode, [(workspace, note) for workspace, note in seen]


def _read() -> Order:
    told: dict[str, Any] = json.load(sys.stdin)
    return Order(**told)


if __name__ == "__main__":
    asyncio.run(_main(_read()))
