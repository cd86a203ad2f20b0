"""Runs as they go on: one reader for everybody who watches.

Whoever watches a run is woken when its state has changed, and takes the present state then: states in between may be passed over, none is
told twice. All runs that anybody watches are read together, once in `every` seconds, so that a thousand who watch cost what the runs cost
that they watch. Reads follow one another, so that the state of a run never goes back to an older one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import TypeVar

from msgspec import Struct, field

from analysis.domain.live import Snapshot, snapshot
from analysis.domain.request import RunId
from analysis.store import live
from core.clock import Clock, SystemClock
from core.errors import NotFound, Transient
from core.ids import UserId, WorkspaceId
from core.log import logger
from database import Database

log = logger("analysis.live")

Watched = tuple[WorkspaceId, RunId]

K = TypeVar("K")

# A transaction is short: it holds a connection, and the oldest one holds back vacuum.
_WORKSPACES_AT_ONCE = 50

# What is said to those for whom there is no place now. They may look at the page as often as they like meanwhile.
_LATER_SECONDS = 15.0


class TooManyStreams(Transient):
    """A person or a workspace follows as many runs as it may."""

    status = 429
    problem = "too-many-streams"
    title = "Too many runs are followed at once"


class LiveLimits(Struct, frozen=True):
    """`every`: seconds between two reads of what is watched. The others: how many streams may be open in one process.

    A browser opens six connections to a site by HTTP/1.1, so that a person needs few; a process on Cloud Run serves at most 1,000 requests
    at once, and has others to serve. https://cloud.google.com/run/quotas
    """

    every: float = 1.0
    of_person: int = 8
    of_workspace: int = 100
    of_process: int = 500


class Told(Struct, frozen=True):
    """What somebody who watches is told: a state, or, after the last one, that it was the last."""

    snapshot: Snapshot
    last: bool

    @property
    def id(self) -> str:
        """From where to go on."""
        return self.snapshot.end if self.last else self.snapshot.version


class _Topic(Struct):
    """A run that is watched. `asked` counts the wishes for a fresh read, `read` those that are fulfilled."""

    watchers: int = 0
    asked: int = 0
    read: int = 0
    snapshot: Snapshot | None = None
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, found: Snapshot | None, asked: int) -> None:
        """Have `found` as the present state, as whoever had asked by then wished; None for a run that there is not, or not any more."""
        before, self.snapshot, self.read = self.snapshot, found, asked
        if (before.version if before else None) != (found.version if found else None):
            stirred, self.stirred = self.stirred, asyncio.Event()
            stirred.set()


class Watch:
    """What one client sees of a run: the states after the one that it was told last."""

    def __init__(self, topic: _Topic, told: str) -> None:
        """`told`: the id of the last event that the client has; empty, or unknown to anybody, for none."""
        self._topic = topic
        self._told = told

    @property
    def exhausted(self) -> bool:
        """Whether the client knows that the present state is the last one."""
        present = self._topic.snapshot
        return present is None or self._told == present.end

    async def next(self) -> Told | None:
        """What is to be told next, as soon as there is something; None when no more will be.

        May be cancelled while it waits, and loses nothing then.
        """
        while not self.exhausted:
            present, stirred = self._topic.snapshot, self._topic.stirred
            if present is None:
                return None
            if self._told != present.version or present.progress.ended:
                told = Told(present, last=self._told == present.version)
                self._told = told.id
                return told
            await stirred.wait()
        return None


class LiveRuns:
    """Reads the runs that are watched. `run` is background work; without it each is told the state at the beginning only."""

    def __init__(self, db: Database, limits: LiveLimits | None = None, clock: Clock | None = None) -> None:
        self._db = db
        self._limits = limits or LiveLimits()
        self._clock = clock or SystemClock()
        self._topics: dict[Watched, _Topic] = {}
        self._persons: Counter[tuple[WorkspaceId, UserId]] = Counter()
        self._workspaces: Counter[WorkspaceId] = Counter()
        self._watched = asyncio.Event()
        self._reading = asyncio.Lock()

    async def present(self, workspace_id: WorkspaceId, run_id: RunId) -> Snapshot:
        """How far a run is. Raises NotFound."""
        async with self._db.workspace(workspace_id) as tx:
            found = await live.progress(tx, [run_id], self._clock.now())
        if run_id not in found:
            raise _no_such_run()
        return snapshot(found[run_id])

    @asynccontextmanager
    async def watch(
        self, workspace_id: WorkspaceId, user_id: UserId, run_id: RunId, told: str = ""
    ) -> AsyncIterator[Watch]:
        """Follow a run from the event `told` on, for the length of the block.

        Raises NotFound, TooManyStreams when the person or the workspace follows too many, and Transient when the process does or the
        database is away.
        """
        with self._place(workspace_id, user_id), self._topic((workspace_id, run_id)) as topic:
            await self._fresh(topic)
            if topic.snapshot is None:
                raise _no_such_run()
            yield Watch(topic, told)

    async def run(self) -> None:
        """Read what is watched until cancelled; nothing is read while nothing is watched."""
        while True:
            await self._watched.wait()
            await self._clock.sleep(self._limits.every)
            try:
                await self.look()
            except Transient as error:
                log.warning("what is watched could not be read", cause=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whoever watches can ask for the page; work must not end for it
                log.error("what is watched could not be read", error=error)

    async def look(self) -> None:
        """Read everything that is watched, once."""
        async with self._reading:
            await self._read(self._topics.items())

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._persons.total()

    @contextmanager
    def _place(self, workspace_id: WorkspaceId, user_id: UserId) -> Iterator[None]:
        person = (workspace_id, user_id)
        if self._persons[person] >= self._limits.of_person:
            raise TooManyStreams(
                f"You follow {self._limits.of_person} runs at once, which is as many as one person may. "
                "Close some of the pages, or ask for the run itself.",
                _LATER_SECONDS,
            )
        if self._workspaces[workspace_id] >= self._limits.of_workspace:
            raise TooManyStreams(
                f"This workspace follows {self._limits.of_workspace} runs at once, which is as many as it may. "
                "Try again later, or ask for the run itself.",
                _LATER_SECONDS,
            )
        if self.streams >= self._limits.of_process:
            raise Transient("Too many runs are followed right now. Try again in a moment.", _LATER_SECONDS)
        with _counted(self._persons, person), _counted(self._workspaces, workspace_id):
            yield

    @contextmanager
    def _topic(self, watched: Watched) -> Iterator[_Topic]:
        topic = self._topics.setdefault(watched, _Topic())
        topic.watchers += 1
        self._watched.set()
        try:
            yield topic
        finally:
            topic.watchers -= 1
            if not topic.watchers:
                del self._topics[watched]
            if not self._topics:
                self._watched.clear()

    async def _fresh(self, topic: _Topic) -> None:
        """Have a state that was read after this was called: what is there may be older than what the client knows from another process.

        Those who ask while something is read are all served by the next read.
        """
        topic.asked += 1
        wanted = topic.asked
        async with self._reading:
            if topic.read < wanted:
                await self._read((key, one) for key, one in self._topics.items() if one.read < one.asked)

    async def _read(self, topics: Iterable[tuple[Watched, _Topic]]) -> None:
        """Read the state of some topics: a statement for each workspace."""
        grouped: dict[WorkspaceId, list[tuple[RunId, _Topic, int]]] = {}
        for (workspace_id, run_id), topic in topics:
            grouped.setdefault(workspace_id, []).append((run_id, topic, topic.asked))
        remaining = iter(grouped.items())
        while part := list(islice(remaining, _WORKSPACES_AT_ONCE)):
            await self._read_workspaces(part)

    async def _read_workspaces(self, part: Sequence[tuple[WorkspaceId, Sequence[tuple[RunId, _Topic, int]]]]) -> None:
        now = self._clock.now()
        async with self._db.batch() as batch:
            for workspace_id, topics in part:
                tx = await batch.enter(workspace_id)
                found = await live.progress(tx, [run_id for run_id, _, _ in topics], now)
                for run_id, topic, asked in topics:
                    topic.take(snapshot(found[run_id]) if run_id in found else None, asked)


@contextmanager
def _counted(counter: Counter[K], key: K) -> Iterator[None]:
    counter[key] += 1
    try:
        yield
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]


def _no_such_run() -> NotFound:
    return NotFound("there is no such run in this workspace")
