"""The database as processes see it: transactions with a lock, commits that are not heard of, outages, and processes cut off from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.vault.renewal.engine import Engine, Pause, Process, Task, Wait
from chaos.vault.renewal.table import Content, Rules, text_of
from core.errors import Transient
from credential_vault.domain.credentials import State
from credential_vault.domain.oauth import Outcome
from credential_vault.domain.renewals import Attempt, Claimed, Ending, Reply

_NEVER = 1e12


@dataclass(slots=True)
class Database:
    """What is durable, who has the row locked, and when nobody can be reached. `saved` are all refresh tokens that were ever in the row."""

    engine: Engine
    content: Content
    breaks: float
    outages: list[tuple[float, float]] = field(default_factory=list)
    saved: set[str] = field(default_factory=set)
    reconnects: list[str] = field(default_factory=list)
    on_claim: list[Callable[[], None]] = field(default_factory=list)
    _locked_by: Task | None = None
    _queue: deque[Wait] = field(default_factory=deque)

    def reach(self, process: Process) -> None:
        """Raises Transient when the database is away, or the connection breaks now."""
        now = self.engine.now
        if any(begin <= now < end for begin, end in (*self.outages, *process.cut_off)):
            raise Transient("the database is away")
        inside = self.engine.faults_from <= now < self.engine.faults_until
        if inside and self.engine.rng.random() < self.breaks:
            raise Transient("the connection broke")

    async def lock(self) -> None:
        """Wait for the row, and have it."""
        while self._locked_by is not None:
            turn = Wait("database.lock", self.engine, _NEVER)
            self._queue.append(turn)
            await turn
        self._locked_by = self.engine.running

    def is_locked(self) -> bool:
        """Whether somebody has the row."""
        return self._locked_by is not None

    def unlock(self) -> None:
        """Let the others try: the first may have died meanwhile."""
        self._locked_by = None
        while self._queue:
            self._queue.popleft().bring(True)

    def commit(self, content: Content) -> None:
        """Make it durable."""
        before = self.content.row
        self.content = content
        if content.row.refresh_token:
            self.saved.add(text_of(content.row.refresh_token))
        if content.row.state is State.NEEDS_RECONNECT and before.state is not State.NEEDS_RECONNECT:
            self.reconnects.append(text_of(content.row.refresh_token))


@dataclass(slots=True)
class SimulatedStore:
    """A process's connection; implements `renewing.RenewalStore`. The rules that mutants break are methods, here and in `rules`."""

    database: Database
    process: Process
    rules: Rules

    async def claim(self, attempt: Attempt, tells: bool) -> Claimed | None:
        """As the port says."""
        claimed = await self.transaction(
            "claim", lambda content, now: self.rules.claim(content, attempt, tells, now), self._is_out_of_reach
        )
        return claimed if isinstance(claimed, Claimed) else None

    async def save(self, claimed: Claimed, reply: Reply, told: bool) -> Outcome:
        """As the port says."""
        outcome = await self.transaction(
            "save", lambda content, now: self.rules.save(content, claimed, reply, told, now)
        )
        assert isinstance(outcome, Outcome)
        return outcome

    async def end(self, attempt: Attempt, ending: Ending, told: bool) -> bool:
        """As the port says."""
        return bool(
            await self.transaction("end", lambda content, now: self.rules.end(content, attempt, ending, told, now))
        )

    def _is_out_of_reach(self) -> bool:
        """A claim waits for nobody who has the row locked, and has nothing to do with one that is not due."""
        database = self.database
        return database.is_locked() or not self.rules.is_claimable(database.content.row, database.engine.now)

    async def transaction(
        self, name: str, change: Callable[[Content, float], object], leaves: Callable[[], bool] = lambda: False
    ) -> object:
        """One transaction, its result; None at once if it `leaves` the row alone."""
        database, engine = self.database, self.database.engine
        rng = engine.rng
        await Pause(f"{name}.begin", rng.uniform(0.001, 0.02))
        database.reach(self.process)
        if leaves():
            return None
        await database.lock()
        try:
            content = database.content.copy()
            result = change(content, engine.now)
            _spot(engine.running, result)
            await Pause(f"{name}.commit", rng.uniform(0.001, 0.02))
            database.reach(self.process)
            database.commit(content)
        finally:
            database.unlock()
        if name == "claim" and isinstance(result, Claimed) and database.on_claim:
            database.on_claim.pop()()
        await Pause(f"{name}.durable", rng.uniform(0.001, 0.02))
        database.reach(self.process)
        return result


def _spot(task: Task | None, result: object) -> None:
    if task is not None and isinstance(result, Claimed):
        task.spotted = True
