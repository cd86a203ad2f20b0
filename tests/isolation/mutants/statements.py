"""Every mutant of every statement of every service and of messaging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from contracts.registry import SERVICES
from database import Queries, Statement
from database.queries import SCOPE_PARAMETER
from house.projects import services
from isolation.mutants.draft import Columns, Draft
from isolation.mutants.shapes import shape_mutants
from isolation.mutants.ties import tie_mutants
from isolation.mutants.wholes import whole_mutants

MESSAGING = "messaging"
"""Its statements are the same in every service; they are broken once, in the first service's database."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A statement that has lost its scope: where (`place`) and how (`operator`)."""

    service: str
    place: str
    operator: str
    statement: Statement


def own_statements(service: str) -> list[Statement]:
    """The statements of one service; for the first one those of messaging as well."""
    packages = [services()[service].package, *([MESSAGING] if service == SERVICES[0] else [])]
    return list(Queries.of(*packages))


def statements_of(service: str) -> list[Statement]:
    """Those that take a workspace."""
    return [one for one in own_statements(service) if not one.crosses_workspaces and SCOPE_PARAMETER in one.parameters]


def broken(service: str, columns: Columns) -> tuple[Broken, ...]:
    """Every mutant of a service's statements, given the columns of its tenant tables; each text once."""
    return _broken(service, tuple(columns.items()))


@cache
def _broken(service: str, columns: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Broken, ...]:
    return tuple(one for statement in statements_of(service) for one in broken_of(service, statement, dict(columns)))


def broken_of(service: str, statement: Statement, columns: Columns) -> Iterator[Broken]:
    """Every mutant of one statement."""
    seen = {Draft.of(statement, columns).text()}
    for place, operator, sql in _mutants(statement, columns):
        if sql not in seen:
            seen.add(sql)
            yield Broken(service, place, operator, Draft.of(statement, columns).mutated(sql))


def _mutants(statement: Statement, columns: Columns) -> Iterator[tuple[str, str, str]]:
    draft = Draft.of(statement, columns)
    for level, found in enumerate(draft.levels()):
        for place, relation in enumerate(found.relations):
            where = f"{statement.name} {relation.alias}" + (f" at level {level}" if level else "")
            for operator, sql in (*tie_mutants(draft, level, place), *shape_mutants(draft, level, place)):
                yield where, operator, sql
    for operator, sql in whole_mutants(draft):
        yield statement.name, operator, sql
