"""One run, whose workers die again and again, and what is left of it."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

import asyncpg

from analysis.domain.request import RunId
from callmine.reports.v1.reports_pb2 import CallAnalysed, ReportCompleted
from chaos.runs.life import Order, written
from chaos.runs.lives import Life, Lives
from chaos.runs.provider import Asked, Reply, honestly
from chaos.runs.schedule import Death
from core.ids import WorkspaceId
from integration.analysis.world import MAYA, World, delivery, question

# A life that comes to its point later than this does not come to it any more (seconds).
_PATIENCE = 120.0

# A run that is not over by then does not come to its end (seconds); most of it goes into starting processes.
_LONGEST = 900.0

# What a process has sent arrives a little after its death (seconds).
_SENT = 0.05

# How often a run is looked at (seconds).
_LOOK = 0.03


@dataclass(slots=True)
class Figures:
    """Over all runs: who died where, and what had to be asked again for it."""

    runs: int = 0
    calls: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    still: int = 0
    not_reached: int = 0
    questions: int = 0
    repeated: int = 0
    in_flight: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Count the other's in."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, mine + theirs)


@dataclass(frozen=True, slots=True)
class _Gate:
    """One life's questions are answered about these calls only, until it is opened."""

    life: str
    calls: frozenset[str]
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self, asked: Asked) -> None:
        """Wait where the question has to."""
        if asked.key == self.life and asked.call and _id(asked.call) not in self.calls:
            await self.opened.wait()


@dataclass(slots=True)
class Trial:
    """One seed's run in a workspace of its own. The provider's answers come here: see `answer`."""

    world: World
    admin: asyncpg.Connection[asyncpg.Record]
    lives: Lives
    order: Order
    seed: int
    calls: int
    figures: Figures
    run_id: RunId | None = None
    _answered: list[tuple[str, str]] = field(default_factory=list)
    _stored: set[str] = field(default_factory=set)
    _lives: list[Life] = field(default_factory=list)
    _late: set[str] = field(default_factory=set)
    _gate: _Gate | None = None
    _again: set[str] = field(default_factory=set)
    _draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._draw = random.Random(f"trial/{self.seed}")

    @property
    def workspace_id(self) -> WorkspaceId:
        """Whose run it is."""
        return WorkspaceId(f"org_seed{self.seed}")

    @property
    def name(self) -> str:
        """What the lives of this trial are called, and with them their keys."""
        return f"s{self.seed}"

    async def answer(self, asked: Asked) -> Reply:
        """After a little while; now and then with an error, which is no answer.

        With none at a gate: a call that is put back has to be claimed anew, and there all places are taken by questions that wait.
        """
        waited_for = self._gate is not None and not self._gate.opened.is_set()
        refused = asked.call and self._draw.random() < 0.08 and asked.key not in self._late and not waited_for
        if asked.call and not refused:
            self._answered.append((asked.key, asked.call))
        await asyncio.sleep(self._draw.uniform(0.4, 4.0) / self.calls)
        if self._gate is not None:
            await self._gate.passed(asked)
        return Reply(500) if refused else await honestly(asked)

    async def run(self, schedule: Sequence[Death]) -> None:
        """Begin it, let its workers die, let one come to the end, and look at what there is."""
        await self._begin()
        try:
            async with asyncio.timeout(_LONGEST):
                for death in schedule:
                    await self._lived(death)
                await self._to_the_end()
        except TimeoutError:
            self.figures.problems.append(f"seed {self.seed}: the run does not come to its end")
        finally:
            for life in self._lives:
                await life.end()
        await self._judge()

    async def _begin(self) -> None:
        self.run_id = await self.world.desk.start(self.workspace_id, question(max_calls=self.calls), MAYA)
        events = [await self.world.fetched(self.run_id, f"c{n}", self.workspace_id) for n in range(self.calls)]
        events.append(self.world.completed(self.run_id, self.calls, workspace_id=self.workspace_id))
        self._write(written([delivery(event) for event in events]))

    def _write(self, messages: str) -> None:
        """What the lives read."""
        folder = Path(self.order.folder)
        for name, content in self.world.objects.content.items():
            (folder / name.replace("/", "_")).write_bytes(content)
        self.world.objects.content.clear()
        Path(self.order.messages).write_text(messages)

    async def _life(self, death: Death | None) -> Life:
        given = self.order
        order = Order(
            life=f"{self.name}-{len(self._lives)}",
            app_url=given.app_url,
            sweep_url=given.sweep_url,
            model_url=given.model_url,
            ca_file=given.ca_file,
            folder=given.folder,
            messages=given.messages,
            mutant=given.mutant,
            point=death.point if death else "",
            hits=death.hits if death else 0,
            at_last=death.at_last if death else "",
            stands_still=death.stands_still if death else False,
        )
        life = await self.lives.begin(order)
        self._lives.append(life)
        return life

    async def _lived(self, death: Death) -> None:
        """One life, until it dies as it is meant to or the run is over."""
        if await self._over():
            self.figures.not_reached += 1
            return
        life = await self._life(death)
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while not life.over.is_set() and not await self._over():
            if asyncio.get_running_loop().time() > deadline:
                break
            await self._look(life)
        if not life.over.is_set():
            # One that had stood behind the last commit dies at once.
            await self._look(life)
        if life.stands_still:
            self.figures.still += 1
            await self._too_late(life)
            return
        if life.ended.is_set() and life.status == -signal.SIGKILL:
            self.figures.kills[life.at] += 1
            self.figures.not_reached += life.at != death.point
        elif life.ended.is_set():
            self.figures.problems.append(f"seed {self.seed}: a life ended with {life.status} at {death.point}")
        else:
            self.figures.not_reached += 1
            await life.end()
        await self._after_death()

    async def _too_late(self, late: Life) -> None:
        """Another takes over what one who stands still holds, and stores it; then that one goes on, while other calls are still open.

        In this order whatever the machine's speed: the other is answered about the held calls only, until it is too late.
        """
        self._late.add(late.order.life)
        held = frozenset(
            row["call_id"]
            for row in await self.admin.fetch(
                "SELECT call_id FROM run_calls WHERE run_id = $1 AND done_at IS NULL AND lease_until > now() + interval '1 min'",
                self.run_id,
            )
        )
        await self._after_death()
        # First in the queue, so that the other holds them before its places are taken by questions that have to wait.
        await self.admin.execute(
            "UPDATE run_calls SET lease_until = now() - interval '2 days' WHERE run_id = $1 AND call_id = ANY($2)",
            self.run_id,
            list(held),
        )
        other = await self._life(None)
        self._gate = _Gate(other.order.life, held)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._stored_all(held)
                late.signal(signal.SIGCONT)
                await late.late.wait()
        except TimeoutError:
            self.figures.problems.append(f"seed {self.seed}: {late.order.life} did not come to storing too late")
        finally:
            self._gate.opened.set()
        if late.ended.is_set() or await self._over():
            self.figures.problems.append(f"seed {self.seed}: {late.order.life} had nothing to be too late for")
        await late.end()
        await other.end()
        await self._after_death()

    async def _stored_all(self, calls: frozenset[str]) -> None:
        """Wait until they are stored."""
        while not calls <= await self._stored_calls():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(_LOOK)

    async def _to_the_end(self) -> None:
        """Nobody dies any more."""
        life = await self._life(None)
        while not await self._over():
            await self._look(life)
            if life.ended.is_set():
                self.figures.problems.append(f"seed {self.seed}: the last life ended with {life.status}")
                return

    async def _look(self, life: Life) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await life.over.wait()

    async def _over(self) -> bool:
        run_id = self.run_id
        rows = await self.admin.fetch(f"SELECT state FROM runs WHERE id = '{run_id}'")
        return bool(rows[0]["state"] not in {"queued", "running"})

    async def _stored_calls(self) -> set[str]:
        rows = await self.admin.fetch(f"SELECT call_id FROM analyses WHERE run_id = '{self.run_id}'")
        return {row["call_id"] for row in rows}

    async def _after_death(self) -> None:
        """What was in flight; then the time of its leases passes."""
        # Until what it has sent is here, to the provider and to PostgreSQL.
        await asyncio.sleep(_SENT)
        self._stored = await self._stored_calls()
        dead = self._lives[-1].order.life
        flying = {call for life, call in self._answered if life == dead and _id(call) not in self._stored}
        self.figures.in_flight += len(flying)
        self._again |= {_id(call) for call in flying}
        of = f"done_at IS NULL AND run_id = '{self.run_id}'"
        for table in ("run_calls", "syntheses"):
            await self.admin.execute(f"UPDATE {table} SET lease_until = now() - interval '1 day' WHERE {of}")

    async def _judge(self) -> None:
        figures = self.figures
        figures.runs += 1
        figures.calls += self.calls
        found = [*await self._rows_told(), *await self._events_told(), *self._questions_told()]
        figures.problems.extend(f"seed {self.seed}: {one}" for one in found)

    def _questions_told(self) -> list[str]:
        """Each life asks about a call once, and about none that was in flight in no life before it."""
        in_time = [(life, _id(call)) for life, call in self._answered if life not in self._late]
        counts = Counter(in_time)
        told = [f"{life} asked about {call} {n} times" for (life, call), n in counts.items() if n > 1]
        of_call = Counter(call for _, call in in_time)
        told += [
            f"{call} was answered {n} times, and was not in flight when a worker died"
            for call, n in of_call.items()
            if n > 1 and call not in self._again
        ]
        self.figures.questions += len(in_time)
        self.figures.repeated += len(in_time) - len(of_call)
        return told

    async def _rows_told(self) -> list[str]:
        of = f"WHERE workspace_id = '{self.workspace_id}'"
        counts = {
            table: int((await self.admin.fetch(f"SELECT count(*) AS n FROM {table} {of}"))[0]["n"])
            for table in ("analyses", "findings", "usage", "reports")
        }
        wanted = {"analyses": self.calls, "findings": self.calls, "usage": self.calls, "reports": 1}
        told = [f"{counts[name]} {name} where there should be {n}" for name, n in wanted.items() if counts[name] != n]
        months = await self.admin.fetch(f"SELECT sum(by_plan) AS n FROM usage_months {of}")
        if months[0]["n"] != self.calls:
            told.append(f"{months[0]['n']} calls are metered in the month")
        (run,) = await self.admin.fetch(f"SELECT state, calls_analysed, calls_failed FROM runs {of}")
        if tuple(run) != ("completed", self.calls, 0):
            told.append(f"the run is {tuple(run)}")
        for report in await self.admin.fetch(f"SELECT document FROM reports {of}"):
            document = json.loads(report["document"])
            named = [call["call_id"] for call in document["calls"]]
            if len(named) != self.calls or len(set(named)) != self.calls:
                told.append(f"the report names {len(named)} calls, {len(set(named))} of them different")
        return told

    async def _events_told(self) -> list[str]:
        sent = [event for event in await self.world.sent() if event.workspace_id == self.workspace_id]
        analysed = [e.payload.call_id for e in sent if isinstance(e.payload, CallAnalysed)]
        told = []
        if len(analysed) != self.calls or len(set(analysed)) != self.calls:
            told.append(f"{len(analysed)} calls were announced, {len(set(analysed))} of them different")
        if len([e for e in sent if isinstance(e.payload, ReportCompleted)]) != 1:
            told.append("not one report was announced")
        sequences = [e.sequence for e in sent if e.aggregate_id == str(self.run_id)]
        if sequences != sorted(set(sequences)):
            told.append("what was announced is not in the order of its sequence")
        return told


def _id(title: str) -> str:
    return title.removeprefix("Call ")
