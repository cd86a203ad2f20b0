"""Where ids, random text and the time come from while the proof runs: from the operation in hand, the same in both worlds.

Without this, two runs of the same operation differ in every id, and nothing could be compared byte by byte. The product's own functions
stay in place; only what they ask the machine for (`os.urandom`, `time.time_ns`, `secrets.token_hex`, `uuid.uuid4`, `SystemClock.now`) is
answered here. A rival that repeats an operation is given the same source, so that its ids collide with the subject's on purpose.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from unittest import mock

import core.ids
from analysis.store.calls import CallClaim
from analysis.store.reports import SynthesisClaim
from analysis.store.schedules import ScheduleClaim
from analysis.workers.calls import CallWork
from analysis.workers.schedules import ScheduleWork
from analysis.workers.syntheses import SynthesisWork
from core.clock import SystemClock
from database import Batch
from ingest.domain.jobs import Claim
from ingest.workers import FetchWorker
from ingest.workers.ending import JobEnds
from messaging import Consumer
from messaging.batch import Group

_REAL_UUID4 = uuid.uuid4

# So far apart are two operations' times, in nanoseconds: an operation draws far fewer than 10,000 ids.
STEP = 10_000_000


@dataclass(slots=True)
class Source:
    """`moment` is the time of the operation, in nanoseconds since 1970; `name` tells sources of one moment apart."""

    moment: int
    name: str
    drawn: int = field(default=0, init=False)

    def time_ns(self) -> int:
        """A time that rises with each call."""
        self.drawn += 1
        return self.moment + self.drawn * 1000

    def random(self, size: int) -> bytes:
        """At most 32 bytes that follow from the source and from how much it was asked before."""
        self.drawn += 1
        return hashlib.sha256(f"{self.moment}/{self.name}/{self.drawn}".encode()).digest()[:size]

    def part(self, name: str) -> Source:
        """A source for one piece of work done within the operation, whoever else does other pieces at the same time."""
        return Source(self.moment, name)


_source: ContextVar[Source | None] = ContextVar("interference_source", default=None)


@contextmanager
def drawing_from(source: Source | None) -> Iterator[None]:
    """Let the block, and the tasks it starts, draw from `source`."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def _part(name: str) -> Iterator[None]:
    source = _source.get()
    with drawing_from(source.part(name) if source else None):
        yield


class _Machine:
    """Stands for the modules `os`, `time` and `secrets` where ids and trace ids are made."""

    @staticmethod
    def urandom(size: int) -> bytes:
        source = _source.get()
        return source.random(size) if source else os.urandom(size)

    @staticmethod
    def time_ns() -> int:
        source = _source.get()
        if source is None:
            return time.time_ns()
        # Ids must rise within an operation, not within the process: another operation's must not push this one's up.
        core.ids._last = 0
        return source.time_ns()

    @staticmethod
    def token_hex(size: int) -> str:
        source = _source.get()
        return source.random(size).hex() if source else secrets.token_hex(size)


def _uuid4() -> uuid.UUID:
    source = _source.get()
    return uuid.UUID(bytes=source.random(16), version=4) if source else _REAL_UUID4()


def _now(_: SystemClock) -> datetime:
    source = _source.get()
    return datetime.fromtimestamp(source.moment // 1_000_000 / 1000, UTC) if source else datetime.now(UTC)


_apply, _do_call, _do_synthesis, _attempt = Consumer._apply, CallWork.do, SynthesisWork.do, FetchWorker._attempt
_do_schedule = ScheduleWork.do


async def _apply_part(self: Consumer, batch: Batch, group: Group) -> int:
    """A batch holds several workspaces' messages: each group draws from its own source."""
    with _part("group:" + ",".join(sorted(str(letter.event.event_id) for letter in group.letters))):
        return await _apply(self, batch, group)


async def _call_part(self: CallWork, claim: CallClaim) -> None:
    with _part(f"call:{claim.run_id}:{claim.call_id}:{claim.attempts}"):
        await _do_call(self, claim)


async def _synthesis_part(self: SynthesisWork, claim: SynthesisClaim) -> None:
    with _part(synthesis_part(claim.run_id, claim.attempts)):
        await _do_synthesis(self, claim)


async def _schedule_part(self: ScheduleWork, claim: ScheduleClaim) -> None:
    with _part(f"schedule:{claim.id}:{claim.fence}"):
        await _do_schedule(self, claim)


async def _attempt_part(self: FetchWorker, claim: Claim) -> None:
    with _part(f"job:{claim.job_id}:{claim.fence}"):
        await _attempt(self, claim)


def synthesis_part(run_id: uuid.UUID, attempts: int = 1) -> str:
    """The name of the source that a run's report draws from."""
    return f"synthesis:{run_id}:{attempts}"


# How long work is put back for, in seconds: past the end of the chapter. The next operation that works ends the wait (World.analyse).
_PUT_BACK = 3600.0


def _wait(*_: object) -> float:
    return _PUT_BACK


_pause_really = JobEnds.pause


async def _pause(self: JobEnds, claim: Claim, _seconds: float, *, counts: bool) -> None:
    await _pause_really(self, claim, _PUT_BACK, counts=counts)


_PATCHES: Sequence[tuple[str, object]] = (
    ("core.ids.os", _Machine),
    ("core.ids.time", _Machine),
    ("web.middleware.secrets", _Machine),
    ("web.api_keys.os", _Machine),
    ("uuid.uuid4", _uuid4),
    ("core.clock.SystemClock.now", _now),
    ("messaging.consumer.Consumer._apply", _apply_part),
    ("analysis.workers.calls.CallWork.do", _call_part),
    ("analysis.workers.syntheses.SynthesisWork.do", _synthesis_part),
    ("analysis.workers.schedules.ScheduleWork.do", _schedule_part),
    ("ingest.workers.loop.FetchWorker._attempt", _attempt_part),
    ("analysis.workers.backoff.Backoff.wait", _wait),
    ("ingest.workers.ending.JobEnds.pause", _pause),
    # Two summaries at once, or two calls of which one stores the results of both, would end in an order that nothing decides, with or
    # without anybody else.
    ("analysis.workers.crew._SYNTHESES_AT_ONCE", 1),
    ("analysis.workers.crew._AHEAD", 1.0),
)


@contextmanager
def decided() -> Iterator[None]:
    """Let the product draw from sources for the length of the block."""
    with ExitStack() as stack:
        for name, replacement in _PATCHES:
            stack.enter_context(mock.patch(name, replacement))
        yield
