"""The columns that a select list or a RETURNING clause makes."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast

from database.checker.conditions import value
from database.checker.expressions import visit
from database.checker.names import Field, Fields, Item, Named, Names
from database.checker.nodes import Syntax, is_a, output_name, strings
from database.checker.problems import Kind, Unresolved
from database.checker.ties import Node
from database.checker.walk import Walk


def outputs(walk: Walk, targets: Syntax, names: Names) -> Fields:
    """The columns of a list of targets, whose expressions are visited. Each has a node that is tied where its value is."""
    return tuple(field for target in targets or () for field in _of_target(walk, target, names))


def returned(walk: Walk, clause: Syntax, level: Names, target: Item) -> Fields:
    """The columns of a RETURNING clause, in which `old` and `new` stand for the target's rows before and after."""
    if clause is None:
        return ()
    called = {"OLD": "old", "NEW": "new"}
    for option in clause.options or ():
        called[option.option.name.rpartition("_")[2]] = option.value
    present = {one.name for item in level.items for one in item.relations}
    versions = tuple(Named(name, target.fields, stored=True) for name in called.values() if name not in present)
    return outputs(walk, clause.exprs, level.beside(Item(versions, (), target.nodes)))


def copied(walk: Walk, name: str, source: Node | None) -> Field:
    """A new column with the value of another."""
    return Field(name, None if source is None else walk.ties.node(source))


def _of_target(walk: Walk, target: Syntax, names: Names) -> Iterator[Field]:
    expression = target.val
    visit(walk, expression, names)
    if is_a(expression, ast.ColumnRef) and is_a(expression.fields[-1], ast.A_Star):
        for one in _starred(walk, expression, names):
            yield copied(walk, one.name, one.node)
    else:
        yield copied(walk, target.name or output_name(expression), value(walk, expression, names))


def _starred(walk: Walk, star: Syntax, names: Names) -> Fields:
    qualifier = strings(star.fields[:-1])
    try:
        relations = (
            [names.relation(qualifier)] if qualifier else [one for item in names.items for one in item.relations]
        )
    except Unresolved:  # noted by the visit
        return ()
    if any(one.open and not one.stored for one in relations):
        walk.problem(Kind.UNRESOLVED, ".".join([*qualifier, "*"]), "not all columns behind it are known: list them")
    if qualifier:
        return relations[0].fields
    return tuple(field for item in names.items for field in item.fields)
