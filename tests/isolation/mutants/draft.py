"""A statement's syntax tree that may be changed, with its query levels, their tenant relations and what ties these to the scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType
from pglast.stream import RawStream

from database.queries import SCOPE_PARAMETER, Statement

# pglast types every attribute of a node as optional; PostgreSQL's grammar says which are there.
Node = Any

Columns = Mapping[str, tuple[str, ...]]
"""The columns of every tenant table, by table."""

_PARAMETER = re.compile(r"\$(\d+)")

_LEVELS = (ast.SelectStmt, ast.UpdateStmt, ast.DeleteStmt)


@dataclass(frozen=True, slots=True)
class Relation:
    """A tenant table as a query level names it. `alone`: the level reads nothing else, so that its columns need no alias."""

    alias: str
    table: str
    alone: bool

    def column(self, name: str = SCOPE_PARAMETER) -> str:
        """One of its columns, as text."""
        return f"{self.alias}.{name}"


@dataclass(frozen=True, slots=True)
class Level:
    """A SELECT, UPDATE or DELETE that reads tenant tables, somewhere inside a statement."""

    node: Node
    relations: tuple[Relation, ...]


@dataclass(slots=True)
class Draft:
    """One statement, freshly parsed: it is changed in place, then read back with `text`."""

    statement: Statement
    columns: Columns
    root: Node

    @classmethod
    def of(cls, statement: Statement, columns: Columns) -> Draft:
        """Parse `statement`."""
        return cls(statement, columns, parsed(statement.sql))

    @property
    def scope(self) -> str:
        """The scope's parameter, as text."""
        return f"${self.statement.parameters.index(SCOPE_PARAMETER) + 1}"

    @property
    def stranger(self) -> str:
        """A parameter that the statement does not have yet, as text."""
        return f"${len(self.statement.parameters) + 1}"

    @property
    def others(self) -> list[str]:
        """All its parameters but the scope's, as text."""
        count = len(self.statement.parameters)
        return [f"${number}" for number in range(1, count + 1) if f"${number}" != self.scope]

    def levels(self) -> list[Level]:
        """The query levels that read a tenant table, outermost first."""
        found = (Level(node, self._relations(node)) for node in walk(self.root) if is_a(node, *_LEVELS))
        return [level for level in found if level.relations]

    def _relations(self, node: Node) -> tuple[Relation, ...]:
        items = list(_from_items(node))
        names = [item for item in items if is_a(item, ast.RangeVar) and item.relname in self.columns]
        return tuple(
            Relation(item.alias.aliasname if item.alias else item.relname, item.relname, len(items) == 1)
            for item in names
        )

    def text(self) -> str:
        """The statement as SQL."""
        return text(self.root)

    def mutated(self, sql: str) -> Statement:
        """The statement with another text, its parameters numbered anew; one that it did not have is called `stranger`."""
        names = (*self.statement.parameters, "stranger")
        used = sorted({int(number) for number in _PARAMETER.findall(sql)})
        anew = {number: place for place, number in enumerate(used, 1)}
        numbered = _PARAMETER.sub(lambda match: f"${anew[int(match[1])]}", sql)
        return replace(self.statement, sql=numbered, parameters=tuple(names[number - 1] for number in used))


def is_a(node: object, *kinds: type) -> bool:
    """isinstance without narrowing, for the reason given at `Node`."""
    return isinstance(node, kinds)


def text(node: Node) -> str:
    """A node as SQL."""
    return str(RawStream()(node))


def parsed(sql: str) -> Node:
    """The tree of a statement."""
    return parse_sql(sql)[0].stmt


def expression(sql: str) -> Node:
    """The tree of an expression."""
    return parsed(f"SELECT {sql}").targetList[0].val


def from_item(sql: str) -> Node:
    """The tree of one item of a FROM clause."""
    return parsed(f"SELECT FROM {sql}").fromClause[0]


def walk(value: object) -> Iterator[Node]:
    """`value` and every node below it, outermost first."""
    if isinstance(value, tuple):
        for item in value:
            yield from walk(item)
    elif isinstance(value, ast.Node):
        yield value
        for name in list(value):  # a node iterates over the names of its attributes
            yield from walk(getattr(value, name))


def _from_items(node: Node) -> Iterator[Node]:
    """What a level reads: joins are opened, subqueries are not."""
    if is_a(node, ast.UpdateStmt, ast.DeleteStmt):
        yield node.relation
    waiting = [*(getattr(node, "fromClause", None) or ()), *(getattr(node, "usingClause", None) or ())]
    while waiting:
        item = waiting.pop(0)
        if is_a(item, ast.JoinExpr):
            waiting[:0] = [item.larg, item.rarg]
        else:
            yield item


def joins(node: Node) -> Iterator[Node]:
    """The joins of one level."""
    waiting = [*(getattr(node, "fromClause", None) or ()), *(getattr(node, "usingClause", None) or ())]
    while waiting:
        item = waiting.pop()
        if is_a(item, ast.JoinExpr):
            waiting += [item.larg, item.rarg]
            yield item


def conjuncts(condition: Node) -> list[Node]:
    """The parts of a condition that all have to hold."""
    if condition is None:
        return []
    if is_a(condition, ast.BoolExpr) and condition.boolop == BoolExprType.AND_EXPR:
        return [part for one in condition.args for part in conjuncts(one)]
    return [condition]


def conjunction(parts: list[Node]) -> Node:
    """One condition of several parts; None when there is none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=tuple(parts))


def rewrite(node: Node, change: Callable[[Node], Node | None]) -> None:
    """Put `change(part)` in the place of each part of the level's conditions; None drops the part."""
    for holder, name in [(node, "whereClause"), *((join, "quals") for join in joins(node))]:
        before = conjuncts(getattr(holder, name, None))
        if before:
            after = [part for part in (change(one) for one in before) if part is not None]
            empty = None if name == "whereClause" else expression("true")
            setattr(holder, name, conjunction(after) or empty)


def is_tie(part: Node, relation: Relation, scope: str) -> bool:
    """Whether `part` equates the relation's workspace_id to the scope or to another relation's workspace_id."""
    if not (is_a(part, ast.A_Expr) and part.kind == A_Expr_Kind.AEXPR_OP and part.name[-1].sval == "="):
        return False
    sides = [part.lexpr, part.rexpr]
    return any(_is_column_of(side, relation) for side in sides) and all(
        _is_workspace(side) or (is_a(side, ast.ParamRef) and f"${side.number}" == scope) for side in sides
    )


def is_scope_tie(part: Node, relation: Relation, scope: str) -> bool:
    """Whether `part` is such a tie to the scope itself."""
    return is_tie(part, relation, scope) and any(is_a(side, ast.ParamRef) for side in (part.lexpr, part.rexpr))


def _is_workspace(side: Node) -> bool:
    return is_a(side, ast.ColumnRef) and names_of(side)[-1:] == [SCOPE_PARAMETER]


def _is_column_of(side: Node, relation: Relation) -> bool:
    if not _is_workspace(side):
        return False
    names = names_of(side)
    return names[-2] == relation.alias if len(names) > 1 else relation.alone


def names_of(column: Node) -> list[str]:
    """The parts of a column's name."""
    return [str(part.sval) for part in column.fields if is_a(part, ast.String)]
