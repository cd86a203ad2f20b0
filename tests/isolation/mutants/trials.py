"""All mutants of all walls, each with the way to try it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from contracts.registry import SERVICES
from database import Statement
from database.checker import Catalog, check, read_catalog
from database.queries import SCOPE_PARAMETER
from isolation.mutants import interfaces, lifetimes
from isolation.mutants.altered import alter
from isolation.mutants.definitions import definitions
from isolation.mutants.executed import accepted, execute
from isolation.mutants.interfaces import Attacker, attacker
from isolation.mutants.keys import keys, try_key
from isolation.mutants.mutant import KILLED, Mutant, Outcome, Trial, Wall
from isolation.mutants.probes import probe, probes
from isolation.mutants.statements import Broken, broken, own_statements
from isolation.mutants.world import World, worlds

Checker = Callable[[Statement, Catalog], object]
"""`database.checker.check`, or what stands in for it: something true when the statement is refused."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the mutants of one service are tried."""

    world: World
    one: Attacker
    catalog: Catalog
    checker: Checker


@asynccontextmanager
async def benches(admin_url: str, checker: Checker = check) -> AsyncIterator[Mapping[str, Bench]]:
    """One for each service, on databases of their own."""
    async with worlds(admin_url) as known, AsyncExitStack() as stack:
        yield {
            service: Bench(
                world, await stack.enter_async_context(attacker(world)), await read_catalog(world.alone), checker
            )
            for service, world in known.items()
        }


async def all_trials(bench: Bench) -> list[Trial]:
    """Every mutant of one service, on every wall."""
    return [*statement_trials(bench), *await wall_trials(bench)]


def statement_trials(bench: Bench) -> list[Trial]:
    """Broken statements, which the checker has to find, and which the database has to stop when it did not."""
    found = broken(bench.world.service, bench.world.columns)
    return [trial for one in found for trial in _statement(bench, one)]


def _statement(bench: Bench, one: Broken) -> list[Trial]:
    def mutant(wall: Wall) -> Mutant:
        return Mutant(wall, one.service, one.place, one.operator)

    valid = partial(accepted, bench.world, one)
    return [
        Trial(mutant(Wall.CHECKER), partial(_checked, bench, one), valid),
        Trial(mutant(Wall.DATABASE), partial(execute, bench.world, one), valid),
    ]


async def _checked(bench: Bench, one: Broken) -> Outcome:
    if bench.checker(one.statement, bench.catalog):
        return KILLED
    return Outcome(f"the checker lets it pass: {one.statement.sql}")


async def wall_trials(bench: Bench) -> list[Trial]:
    """All but the broken statements."""
    world = bench.world
    return [
        *(
            _trial(Wall.DATABASE, world, f"table {table}", operator, partial(probe, world, table, operator))
            for table, operator in probes(world)
        ),
        *(
            _trial(Wall.DATABASE, world, one.place, one.operator, partial(alter, world, one))
            for one in await definitions(world)
        ),
        *(
            _trial(Wall.KEYS, world, f"{key.table} {key.name}", key.operator, partial(try_key, world, key))
            for key in await keys(world)
        ),
        *_interface_trials(bench),
        *_text_trials(bench),
        # What is the same in every service is tried in one.
        *(_id_trials(bench) + _lifetime_trials(bench) if world.service == SERVICES[0] else []),
    ]


def _trial(wall: Wall, world: World, place: str, operator: str, attempt: Callable[[], Awaitable[Outcome]]) -> Trial:
    return Trial(Mutant(wall, world.service, place, operator), attempt)


def _interface_trials(bench: Bench) -> list[Trial]:
    one, found = bench.one, list[Trial]()
    for statement in own_statements(bench.world.service):
        tenant = not statement.crosses_workspaces and SCOPE_PARAMETER in statement.parameters
        attacks = interfaces.TENANT if tenant else interfaces.SWEEPING if statement.crosses_workspaces else {}
        found += [
            _trial(Wall.TYPES, bench.world, statement.name, operator, partial(attack, one, statement))
            for operator, attack in attacks.items()
        ]
    return found


def _id_trials(bench: Bench) -> list[Trial]:
    attacks = {"opens": interfaces.opens, "moves on": interfaces.moves_on, "moves through": interfaces.moves_through}
    return [
        _trial(Wall.TYPES, bench.world, f"id {name}", operator, partial(attack, bench.one, what))
        for name, what in interfaces.MALFORMED.items()
        for operator, attack in attacks.items()
    ]


def _text_trials(bench: Bench) -> list[Trial]:
    """SQL in the place of a name: on every table, in all ways in turn."""
    ways = [(use, where) for use in lifetimes.USES for where in ("workspace", "sweep")]
    return [
        _trial(
            Wall.TYPES,
            bench.world,
            f"SQL on {table}",
            f"Tx.{use} in a {where}",
            partial(lifetimes.unnamed, bench.one, f"SELECT * FROM {table}", use, where),
        )
        for table, (use, where) in zip(bench.world.columns, cycle(ways), strict=False)
    ]


def _lifetime_trials(bench: Bench) -> list[Trial]:
    trial = partial(_trial, Wall.TYPES, bench.world)
    one = bench.one
    found: list[Trial] = []
    for use in lifetimes.USES:
        found += [trial(f"Tx.{use}", end, partial(lifetimes.used_too_late, one, end, use)) for end in lifetimes.ENDS]
        found += [
            trial(f"Tx.{use}", f"after Batch.{how}", partial(lifetimes.used_after_the_batch_moved, one, use, how))
            for how in ("enter", "enter_with", "enter_each")
        ]
        found.append(trial(f"Tx.{use}", "on commit", partial(lifetimes.used_on_commit, one, use)))
    return [*found, *(trial("Tx", name, partial(attack, one)) for name, attack in lifetimes.SINGLE.items())]
