"""Mutants of the rules, tried one after the other on the databases of all services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from architecture.erasure.mutants import Around, Mutant, drawn, elsewhere, found, of_database, out_of_order
from architecture.erasure.rules import Rules, rules_of, shared_rules
from architecture.erasure.tables import points, unruled
from contracts.registry import SERVICES, TOPICS
from egress.register import REGISTER
from messaging.topology import Topology
from testkit.postgres import ROOT

if TYPE_CHECKING:
    from architecture.erasure.tables import Connection

QUICK, FULL = 50, 200

# Of so many mutants one is of what lies outside of databases.
_ONE_ELSEWHERE_IN = 4

TOPOLOGY = ROOT / "deploy/topology.yaml"


@dataclass(frozen=True, slots=True)
class Tried:
    """How many were tried, the names of those that nothing was found of, and what was found without any: it has to be nothing."""

    count: int
    survived: tuple[str, ...]
    before: tuple[str, ...]


def around(service: str = "ingest") -> Around:
    """What there is outside of databases; the folders are those of `service`."""
    topology = Topology.load(TOPOLOGY)
    return Around(shared_rules(), rules_of(service), tuple(TOPICS), topology.subscriptions, tuple(REGISTER))


Tick = Callable[[int, int], None]


async def tried(databases: Mapping[str, Connection], count: int, seed: int, tick: Tick | None = None) -> Tried:
    """Try `count` mutants, drawn from the seed. `databases` are migrated, on a superuser's connections; what is changed there is undone."""
    rules = {service: rules_of(service) for service in databases}
    before = [f"{name}: {one}" for name in databases for one in await unruled(databases[name], rules[name])]
    outside = list(islice(drawn(list(elsewhere(around())), seed), count // _ONE_ELSEWHERE_IN))
    survived = [one.name for one in outside if not one.found()]
    done = len(outside)
    for mutant in await _of_databases(databases, rules, seed):
        if done == count:
            break
        findings = await found(databases[mutant.service], rules[mutant.service], mutant)
        if findings is None:
            continue
        done += 1
        if tick:
            tick(done, count)
        if not findings:
            survived.append(f"{mutant.service}: {mutant.name}")
    return Tried(done, tuple(survived), tuple(before))


async def _of_databases(databases: Mapping[str, Connection], rules: Mapping[str, Rules], seed: int) -> list[Mutant]:
    """Those of all services, one of each kind first."""
    mutants: list[Mutant] = []
    for service in SERVICES:
        pairs = await points(databases[service])
        mutants += [*of_database(service, rules[service]), *out_of_order(service, rules[service], pairs)]
    return drawn(mutants, seed)
