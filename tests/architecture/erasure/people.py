"""What tells of people beside the rules for the erasure of one person's data (`person` in erasure.yaml)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from architecture.erasure.rules import PersonScope, Rules

_ENTER = "say under person in erasure.yaml what becomes of it (docs/erasure.md)"


def of_person(found: Mapping[str, tuple[str, ...]], rules: Rules) -> Iterator[str]:
    """What tells of people and has no rule, and which rule cannot hold; `found` are the columns of each table that is there."""
    scope = rules.person
    for name, rule in rules.tables.items():
        if name in found:
            for column in sorted(set(rule.people) & set(found[name])):
                if not _has_rule(scope, name, column):
                    yield f"{name}: column {column} tells of people and has no rule for one person's data; {_ENTER}"
    for name in sorted(scope.names - found.keys()):
        yield f"{name}: has a rule for one person's data and is no longer there; remove the rule"
    yield from _empty(scope)
    yield from _twice(scope)
    yield from _unknown(found, scope)
    # A run that read a call of theirs goes whole, with its report.
    for name in rules.report.erased if rules.report else ():
        if "call" not in scope.erased.get(name, ()):
            yield f"{name}: is erased with a report, and does not go by a call of one person's; {_ENTER}"


def _has_rule(scope: PersonScope, table: str, column: str) -> bool:
    stays = scope.stays.keys() & {table, f"{table}.{column}"}
    return table in scope.erased or column in scope.emptied.get(table, ()) or bool(stays)


def _empty(scope: PersonScope) -> Iterator[str]:
    for name, because in scope.stays.items():
        if not because.strip():
            yield f"{name}: stays where a person's data is erased; its rule must say why"
    for name, columns in (*scope.erased.items(), *scope.emptied.items()):
        if not columns:
            yield f"{name}: its rule for one person's data names nothing"


def _twice(scope: PersonScope) -> Iterator[str]:
    for name in sorted(scope.stays):
        table, _, column = name.partition(".")
        if table in scope.erased and not column:
            yield f"{name}: is erased with a person's data and stays as well"
        elif column in scope.emptied.get(table, ()) or (not column and table in scope.emptied):
            yield f"{name}: is emptied with a person's data and stays as well"


def _unknown(found: Mapping[str, tuple[str, ...]], scope: PersonScope) -> Iterator[str]:
    named = [*((table, column) for table, columns in scope.emptied.items() for column in columns)]
    named += [(table, column) for table, _, column in (name.partition(".") for name in scope.stays) if column]
    for table, column in sorted(named):
        if table in found and column not in found[table]:
            yield f"{table}: column {column} has a rule for one person's data and is no longer there; remove it"
