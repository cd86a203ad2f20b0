"""One schedule: several processes, many callers, and everything that can go wrong, from one seed; then what came of it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeAlias

from chaos.vault.renewal.engine import Engine, Faults, Process, SimulatedTime, Steps, pause
from chaos.vault.renewal.memory import EARLY, WORKSPACE, MemoryStore, Row, Table
from chaos.vault.renewal.provider import LIFETIME, Line, Rotation, Server, Trouble
from core.errors import CallmineError
from credential_vault.domain.credentials import State
from credential_vault.handlers.renewing import SETTLE_SECONDS, Renewing

MOST_CALLERS = 200
# Two tokens come to their end, with time for an attempt of unknown end to be settled.
_QUIET_FROM = 2.2 * LIFETIME
_UNTIL = _QUIET_FROM + 2 * SETTLE_SECONDS + 600
_SWEEP = 60.0
_BACK_AFTER = 5.0
# A machine that sleeps for longer than an attempt stays open.
_LONG_STALL = SETTLE_SECONDS * 2


@dataclass(slots=True)
class World:
    """Everything of one schedule."""

    engine: Engine
    server: Server
    table: Table
    rng: Random
    player: Player
    tells: bool
    connected: list[str] = field(default_factory=list)
    revoked: bool = False
    disconnected: bool = False

    def line(self, process: Process) -> Line:
        """The process's line to the provider."""
        return Line(self.engine, self.server, process, Trouble(), tells=self.tells)


Player: TypeAlias = Callable[["World", Process], Callable[[Line], Awaitable[object]]]
"""Makes what a process does to renew the credential: ours, a mutant of it, or a lock as others build it."""


def ours(
    store: Callable[[World], MemoryStore] = lambda world: MemoryStore(world.engine, world.table, world.server),
    renewing: type[Renewing] = Renewing,
) -> Player:
    """The vault's own algorithm, over a store and in a variant of it."""

    def made(world: World, _: Process) -> Callable[[Line], Awaitable[object]]:
        use_case = renewing(store(world), SimulatedTime(world.engine))
        return lambda line: use_case.renew(WORKSPACE, line)

    return made


@dataclass(frozen=True, slots=True)
class Count:
    """What came of a schedule. `lost_calls` were made with a token whose rotation nobody could keep (see `counted`)."""

    double_spends: int = 0
    lost_rotations: int = 0
    false_reconnects: int = 0
    calls_per_expiry: int = 0
    unavoidable_losses: int = 0
    lost_calls: int = 0

    @property
    def is_clean(self) -> bool:
        """Nothing went wrong that could have been avoided."""
        return not (self.double_spends or self.lost_rotations or self.false_reconnects) and self.calls_per_expiry <= 1


def play(seed: int, player: Player) -> Count:
    """Play the schedule of this seed."""
    rng = Random(seed)
    server = Server()
    first = server.new_family()
    faults = Faults(crash=rng.choice((0, 0.002, 0.01)), stalls=rng.choice((0, 0.002, 0.01)))
    engine = Engine(rng, faults, _QUIET_FROM)
    table = Table(Row(first))
    world = World(engine, server, table, rng, player, tells=rng.random() < 0.3, connected=[first])
    engine.crashed = lambda _: engine.at(engine.now + _BACK_AFTER, lambda: _reopen(world))
    for _ in range(rng.randint(2, 4)):
        _open(world)
    for _ in range(rng.randint(0, 2)):
        begin = rng.uniform(0, _QUIET_FROM)
        table.outages.append((begin, begin + rng.choice((1, 30, 120))))
    _crowd(world)
    _interference(world)
    engine.run(_UNTIL)
    return counted(world)


def _open(world: World) -> Process:
    """Start a process, which looks now and then whether the credential is due."""
    process = Process(f"process-{world.rng.getrandbits(16)}")
    renew = world.player(world, process)

    async def sweep() -> None:
        while True:
            await _tried(world, process, renew)
            await pause(_SWEEP * world.rng.uniform(0.5, 1.5))

    world.engine.start(process, sweep(), world.rng.uniform(0, _SWEEP))
    return process


def _reopen(world: World) -> None:
    _open(world)


def _crowd(world: World) -> None:
    """Callers who all want a token at the moment at which it is due, over the processes."""
    callers = int(MOST_CALLERS ** world.rng.random())
    processes = [_open(world) for _ in range(min(callers, 3))]
    for number in range(callers):
        process = processes[number % len(processes)]
        steps = _caller(world, process)
        world.engine.start(process, steps, LIFETIME * EARLY + world.rng.uniform(0, 2))


async def _caller(world: World, process: Process) -> None:
    renew = world.player(world, process)
    for _ in range(3):
        await _tried(world, process, renew)
        await pause(world.rng.uniform(0.1, 5))


async def _tried(world: World, process: Process, renew: Callable[[Line], Awaitable[object]]) -> None:
    try:
        await renew(world.line(process))
    except CallmineError:
        return


def _interference(world: World) -> None:
    """What people and the provider do meanwhile: connect again, disconnect, revoke; and a machine that sleeps for long."""
    when = world.rng.uniform(LIFETIME * EARLY - 5, _QUIET_FROM)
    chance = world.rng.random()
    if chance < 0.15:
        world.engine.at(LIFETIME * EARLY + world.rng.uniform(0, 30), lambda: _reconnect(world))
    elif chance < 0.20:
        world.engine.at(when, lambda: _disconnect(world))
    elif chance < 0.25:
        world.engine.at(when, lambda: _revoke(world))
    elif chance < 0.5:
        sleeper = Process("sleeper")
        world.engine.start(sleeper, _sleeper(world, sleeper), LIFETIME * EARLY)


async def _sleeper(world: World, process: Process) -> None:
    """A machine that falls asleep between its claim and its call, and wakes up in the midst of the next one's attempt."""
    steps: Steps = _tried(world, process, world.player(world, process))
    while True:
        before = world.table.claims
        try:
            seconds = steps.send(None)
        except StopIteration:
            return
        if world.table.claims > before:
            process.asleep = True
            world.table.on_claim = lambda: _disturb(world, process)
            world.engine.at(world.engine.now + _LONG_STALL, lambda: world.engine.wake(process))
        await pause(seconds)


def _disturb(world: World, process: Process) -> None:
    """Two attempts meet: the sleeper wakes up, and for a moment everybody stalls a lot."""
    world.table.on_claim = lambda: None
    usual = world.engine.faults
    world.engine.faults = replace(usual, stalls=0.2)
    world.engine.at(world.engine.now + 5, lambda: _calm(world, usual))
    world.engine.at(world.engine.now + world.rng.uniform(0.1, 2), lambda: world.engine.wake(process))


def _calm(world: World, faults: Faults) -> None:
    world.engine.faults = faults


def _reconnect(world: World) -> None:
    row = world.table.row
    world.table.let_go.add(row.refresh_token)
    token = world.server.new_family()
    world.connected.append(token)
    row.refresh_token, row.version, row.state = token, row.version + 1, State.CONNECTED
    row.refresh_at, row.leased_until = world.engine.now + LIFETIME * EARLY, 0.0


def _disconnect(world: World) -> None:
    row = world.table.row
    world.disconnected = True
    world.table.let_go.add(row.refresh_token)
    row.refresh_token, row.version, row.state = "", row.version + 1, State.DISCONNECTED


def _revoke(world: World) -> None:
    world.revoked = True
    world.server.ended.update(world.server.family_of.values())


def counted(world: World) -> Count:
    """Judge the schedule.

    A rotation is an *unavoidable loss* when the provider had committed it and no living process ever had its reply to save: the reply was
    lost on its way or came after the caller had hung up, or its receiver died before the reply was durable. Calls made later with a token
    spent so are counted apart (`lost_calls`), as is the reconnect that follows. A rotation that a process received and lived to keep
    is *lost* when nobody keeps it. A reconnect is *false* unless an unavoidable loss or the provider's own revocation came before.
    `calls_per_expiry` are calls with one refresh token within SETTLE_SECONDS of each other; one that the provider answered with "nothing
    done" does not count.
    """
    row, server = world.table.row, world.server
    for made in server.rotations.values():
        made.kept = made.given in (row.refresh_token, *world.table.let_go) or made.given in server.rotations
    lost = {token for token, made in server.rotations.items() if _is_unavoidable(made)}
    again = [call for call in server.calls if call.again]
    received = [made for made in server.rotations.values() if not made.kept and made.spent not in lost]
    excused = world.revoked or any(server.rotations[token].family == _family(world) for token in lost)
    return Count(
        double_spends=sum(call.token not in lost for call in again),
        lost_rotations=len(received) + _overwritten(world),
        false_reconnects=int(row.state is State.NEEDS_RECONNECT and not excused),
        calls_per_expiry=_most_calls(world),
        unavoidable_losses=len(lost),
        lost_calls=sum(call.token in lost for call in again),
    )


def _is_unavoidable(made: Rotation) -> bool:
    return not made.kept and (made.holder is None or made.holder.dead)


def _family(world: World) -> int:
    return world.server.family_of.get(world.table.row.refresh_token, -1)


def _overwritten(world: World) -> int:
    """Whether the tokens of the last connection were overwritten by those of an earlier one."""
    if world.disconnected:
        return 0
    return int(_family(world) != world.server.family_of[world.connected[-1]])


def _most_calls(world: World) -> int:
    most: Counter[str] = Counter()
    last: dict[str, float] = {}
    for call in world.server.calls:
        if call.did == "nothing":
            continue
        near = call.at - last.get(call.token, -SETTLE_SECONDS * 2) < SETTLE_SECONDS / 2
        most[call.token] = most[call.token] + 1 if near else max(most[call.token], 1)
        last[call.token] = call.at
    return max(most.values(), default=0)
