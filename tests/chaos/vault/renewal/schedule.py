"""One schedule: several processes, many callers, and everything that can go wrong, all from one seed; then a quiet time for the rest."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeAlias

from chaos.vault.renewal.engine import BLOWS, Aim, Blow, Engine, Pause, Process, SimulatedTime
from chaos.vault.renewal.server import LIFETIME, Line, Server
from chaos.vault.renewal.store import Database, SimulatedStore
from chaos.vault.renewal.table import WORKSPACE, Content, PlainCipher, Rules
from core.errors import CallmineError
from credential_vault.domain.credentials import Provider, State
from credential_vault.domain.renewals import EARLY, JITTER
from credential_vault.handlers.renewing import Renewing

MOST_CALLERS = 200

# The first renewal is due in between; so are two more before the faults end.
DUE_FROM, DUE = LIFETIME * (EARLY - JITTER), LIFETIME * EARLY
FAULTS_FROM, FAULTS_UNTIL = DUE_FROM - 60, 3.0 * LIFETIME
# An attempt without an end is settled within a quarter of an hour; then everything is as it should be.
QUIET = 2_000.0

# The waits of an attempt that are aimed at, one after the other: there are about a dozen from claim to save, and as many again in
# the attempts that follow.
_AIMED = 48
_OUTAGES = (1.0, 5.0, 30.0, 120.0, 900.0, 1_800.0)
_LONGEST_CUT = 240.0
# How often a process looks while something is due (in production more often), while an attempt is under way, and while nothing is.
_POLL = (10.0, 20.0)
_WATCHFUL, _IDLE = 30.0, 400.0

Renew: TypeAlias = Callable[[], Awaitable[object]]
Player: TypeAlias = Callable[["World", Process], Renew]
"""Makes what a process does to renew the credential: ours, a mutant of it, or a lock as others build it."""


@dataclass(slots=True)
class World:
    """Everything of one schedule. `connected` are the first tokens of each connection, `trouble` how likely a call meets some."""

    seed: int
    engine: Engine
    server: Server
    database: Database
    player: Player
    trouble: float
    connected: list[str] = field(default_factory=list)
    alive: list[Process] = field(default_factory=list)
    until: float = FAULTS_UNTIL + QUIET
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def rng(self) -> Random:
        """Where all choices come from."""
        return self.engine.rng

    def line(self, process: Process) -> Line:
        """The process's line to the provider."""
        return Line(self.engine, self.server, process, self.trouble)

    def new_id(self) -> uuid.UUID:
        """The next attempt's."""
        return uuid.UUID(int=next(self.ids))


def ours(
    renewing: type[Renewing] = Renewing, store: type[SimulatedStore] = SimulatedStore, rules: Rules | None = None
) -> Player:
    """The vault's own algorithm, or a variant of it."""

    def made(world: World, process: Process) -> Renew:
        line = world.line(process)
        use_case = renewing(
            store=store(world.database, process, rules or Rules()),
            providers={Provider.GONG: line},
            cipher=PlainCipher(),
            clock=SimulatedTime(world.engine),
            tell=frozenset({Provider.GONG}) if world.server.tells else frozenset(),
            chance=world.rng,
            new_id=world.new_id,
        )
        return lambda: use_case.renew(WORKSPACE, Provider.GONG)

    return made


def played(seed: int, player: Player) -> World:
    """Play the schedule of this seed."""
    rng = Random(seed)
    engine = Engine(rng, _aim(seed, rng), FAULTS_FROM, FAULTS_UNTIL)
    server = Server(engine, tells=rng.random() < 0.4, ends_families=rng.random() < 0.8)
    database = Database(engine, Content(), breaks=rng.choice((0.0, 0.0, 0.02, 0.2)))
    world = World(seed, engine, server, database, player, trouble=rng.choice((0.0, 0.1, 0.3, 0.7)))
    _connect(world)
    for number in range(rng.randint(2, 4)):
        _open(world, number)
    _crowd(world)
    _interfere(world)
    engine.run(FAULTS_UNTIL)
    # An outage that began in time may last a while.
    engine.run(world.until)
    engine.end()
    return world


def _aim(seed: int, rng: Random) -> Aim:
    """Each wait of an attempt in turn is struck by a crash or a stall, alone or with another blow; or blows fall at random, few or many."""
    place, blow = (seed // 4) % _AIMED + 1, rng.choice(BLOWS)
    if seed % 4 == 0:
        return Aim({place: blow})
    if seed % 4 == 1:
        more: dict[int, Blow] = {place: blow, rng.randint(1, _AIMED): rng.choice(BLOWS)}
        return Aim(more)
    if seed % 4 == 2:
        return Aim(crash=rng.choice((0.0, 0.005, 0.02)), stall=rng.choice((0.0, 0.01, 0.05)))
    return Aim(crash=rng.choice((0.0, 0.02, 0.1)), stall=rng.choice((0.1, 0.3, 0.6)))


def _open(world: World, number: int) -> None:
    """Start a process; when it has crashed, another one takes its place after a while."""
    process = Process(number)
    world.alive.append(process)
    renew = world.player(world, process)

    def crashed() -> None:
        world.alive.remove(process)
        world.engine.at(world.engine.now + world.rng.uniform(5, 90), lambda: _open(world, number))

    process.on_crash = crashed
    world.engine.start(process, _sweep(world, process, renew), world.rng.uniform(0, 5))


async def _sweep(world: World, process: Process, renew: Renew) -> None:
    """What workers.renewals does: looks for what is due, and renews it in a task of its own, one at a time."""
    under_way = None
    while True:
        await Pause("poll", _next_look(world))
        if _is_due(world) and (under_way is None or under_way.finished):
            under_way = world.engine.start(process, tried(renew))


def _next_look(world: World) -> float:
    """Polls that would find nothing are left out."""
    content, now = world.database.content, world.engine.now
    least = world.rng.uniform(*_POLL)
    is_open = any(entry.ended_at is None for entry in content.journal.values())
    at = max(content.row.refresh_at or now + _IDLE, content.row.leased_until or 0.0)
    return max(least, min(at - now, _WATCHFUL if is_open else _IDLE))


def _is_due(world: World) -> bool:
    row, now = world.database.content.row, world.engine.now
    due = row.refresh_at is not None and row.refresh_at <= now
    return row.state is State.CONNECTED and due and (row.leased_until is None or row.leased_until <= now)


async def tried(renew: Renew) -> None:
    """Renew, and take what may go wrong as the worker does."""
    try:
        await renew()
    except CallmineError:
        return


def _crowd(world: World) -> None:
    """Callers who all want a token at about the moment at which it is due, over the processes that live by then."""
    spread = world.rng.choice((0.5, 30.0, 600.0))

    def calls() -> None:
        if world.alive:
            process = world.rng.choice(world.alive)
            world.engine.start(process, tried(world.player(world, process)))

    for _ in range(int(MOST_CALLERS ** world.rng.random())):
        world.engine.at(DUE_FROM + world.rng.uniform(0, DUE - DUE_FROM) + world.rng.uniform(0, spread), calls)


def _interfere(world: World) -> None:
    """What people, the provider and the database do meanwhile, often right after a claim."""
    rng = world.rng
    if rng.random() < 0.35:
        for _ in range(rng.randint(1, 3)):
            _sometime(world, lambda: _outage(world, rng.choice(_OUTAGES)))
    if rng.random() < 0.3:
        _sometime(world, lambda: _cut_off(world))
    if rng.random() < 0.2:
        _sometime(world, lambda: _by_a_person(world, lambda: _connect(world)))
    if rng.random() < 0.07:
        _sometime(world, lambda: _by_a_person(world, lambda: _disconnect(world)))
    if rng.random() < 0.07:
        _sometime(world, world.server.uninstall)


def _sometime(world: World, act: Callable[[], None]) -> None:
    rng, engine = world.rng, world.engine
    unless_over = partial(_while_faults_last, world, act)
    if rng.random() < 0.6:
        world.database.on_claim.append(
            lambda: engine.at(engine.now + rng.choice((0.05, 0.7, 40.0)) * rng.random(), unless_over)
        )
    else:
        engine.at(rng.uniform(DUE_FROM, FAULTS_UNTIL), unless_over)


def _while_faults_last(world: World, act: Callable[[], None]) -> None:
    if world.engine.now < FAULTS_UNTIL:
        act()


def _outage(world: World, seconds: float) -> None:
    end = world.engine.now + seconds
    world.database.outages.append((world.engine.now, end))
    world.until = max(world.until, end + QUIET)


def _cut_off(world: World) -> None:
    """A process that is busy with a renewal does not reach the database for a while."""
    busy = [process for process in world.alive if any(task.spotted for task in process.tasks)] or world.alive
    if busy:
        now = world.engine.now
        world.rng.choice(busy).cut_off.append((now, now + world.rng.uniform(5, _LONGEST_CUT)))


def _by_a_person(world: World, act: Callable[[], None]) -> None:
    """A change that waits while somebody has the row locked: a person tries again."""
    if world.database.is_locked():
        world.engine.at(world.engine.now + 0.5, lambda: _by_a_person(world, act))
    else:
        act()


def _connect(world: World) -> None:
    token, content = world.server.connect(), world.database.content.copy()
    world.connected.append(token)
    Rules().connect(content, token, f"access for {token}", LIFETIME, world.engine.now)
    world.database.commit(content)


def _disconnect(world: World) -> None:
    content = world.database.content.copy()
    Rules().disconnect(content)
    world.database.commit(content)


__all__ = ["Player", "Renew", "World", "ours", "played", "tried"]
