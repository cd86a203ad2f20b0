"""The scope checker: every statement must tie each tenant table it names to the scope, at every query level, by equality.

    problems = check(statement, tenant_tables)

A column called `workspace_id` that merely occurs proves nothing; the checker parses the statement with PostgreSQL's own grammar (pglast)
and follows equalities: `a.workspace_id = :workspace_id AND b.workspace_id = a.workspace_id` ties both, the same under OR ties neither, and
the condition of an outer join ties only the side that the join may leave out. What it cannot parse is a problem. Needs `database[checker]`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType
from pglast.parser import ParseError

from database.queries import SCOPE_PARAMETER, Statement

# The scope's own node in the graph of equalities; every other node is the alias of a relation.
_SCOPE = ":scope"

Tie = tuple[str, str]

# pglast types every attribute of a node as optional; PostgreSQL's grammar says which are there.
Node = Any


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a statement fails the build; `str()` is the message."""

    statement: str
    file: str
    relation: str
    missing: str

    def __str__(self) -> str:
        """File, statement, relation, what is missing and how to mend it."""
        return (
            f"{self.file}: statement {self.statement}: {self.relation}: {self.missing}. Tie it with "
            f"`workspace_id = :workspace_id`, or to a table that is tied; a statement that must span workspaces goes to "
            f"queries/sweep.sql with a line `-- cross-workspace: <reason>`."
        )


def check(statement: Statement, tenant_tables: Iterable[str]) -> list[Problem]:
    """What is wrong with `statement`, given the names of all tables that have a workspace_id; empty when it is in order."""
    if statement.crosses_workspaces:
        return []
    try:
        tree = parse_sql(statement.sql)
    except ParseError as error:
        return [Problem(statement.name, statement.file, "the statement", f"it does not parse ({error.args[0]})")]
    scope = statement.parameters.index(SCOPE_PARAMETER) + 1 if SCOPE_PARAMETER in statement.parameters else None
    level = _Checker(frozenset(tenant_tables), scope)
    problems = [problem for raw in tree for problem in level.statement(raw.stmt, _Outer())]
    return [Problem(statement.name, statement.file, *problem) for problem in problems]


@dataclass(frozen=True, slots=True)
class _Outer:
    """What an inner query level can see of the outer ones: names of CTEs, and aliases that are tied to the scope."""

    ctes: frozenset[str] = frozenset()
    tied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Relation:
    alias: str
    table: str


@dataclass(slots=True)
class _Level:
    """One query level: its tenant relations and the equalities that hold for every row of its result."""

    relations: list[_Relation]
    ties: list[Tie]

    def tied(self, outer: _Outer) -> frozenset[str]:
        reached = {_SCOPE, *outer.tied}
        grown = True
        while grown:
            new = {to for start, to in self.ties if start in reached} - reached
            reached |= new
            grown = bool(new)
        return frozenset(reached - {_SCOPE})


Found = tuple[str, str]

_CHECKED = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)


class _Checker:
    def __init__(self, tenant_tables: frozenset[str], scope: int | None) -> None:
        self._tenant = tenant_tables
        self._scope = scope

    def statement(self, node: Node, outer: _Outer) -> Iterator[Found]:
        """Problems of a statement and of everything inside it."""
        if not _is(node, *_CHECKED):
            yield "the statement", f"a {type(node).__name__} is not checked, so it is not allowed"
            return
        outer = yield from self._ctes(node, outer)
        if _is(node, ast.SelectStmt) and node.op.value != 0:
            yield from self.statement(node.larg, outer)
            yield from self.statement(node.rarg, outer)
            return
        level = self._level(node, outer)
        tied = level.tied(outer)
        for relation in level.relations:
            if relation.alias not in tied:
                yield relation.table, f"alias {relation.alias} is not tied to the scope"
        if _is(node, ast.InsertStmt):
            yield from self._insert(node, outer)
        inner = _Outer(outer.ctes, outer.tied | tied)
        for child in _subqueries(node):
            yield from self.statement(child, inner)

    def _ctes(self, node: Node, outer: _Outer) -> Generator[Found, None, _Outer]:
        """Problems of the CTEs; returns what the statement itself can see."""
        clause: Node = getattr(node, "withClause", None)
        for cte in clause.ctes if clause else ():
            if clause.recursive:
                outer = _Outer(outer.ctes | {cte.ctename}, outer.tied)
            yield from self.statement(cte.ctequery, outer)
            outer = _Outer(outer.ctes | {cte.ctename}, outer.tied)
        return outer

    def _level(self, node: Node, outer: _Outer) -> _Level:
        level = _Level([], [])
        if _is(node, ast.UpdateStmt, ast.DeleteStmt):
            self._from(node.relation, level, outer)
        for name in ("fromClause", "usingClause"):
            for item in getattr(node, name, None) or ():
                self._from(item, level, outer)
        where = getattr(node, "whereClause", None)
        for left, right in self._equalities(where, level):
            level.ties += [(left, right), (right, left)]
        return level

    def _from(self, item: Node, level: _Level, outer: _Outer) -> None:
        if _is(item, ast.RangeVar):
            if item.relname in self._tenant and item.relname not in outer.ctes:
                level.relations.append(_Relation(item.alias.aliasname if item.alias else item.relname, item.relname))
        elif _is(item, ast.JoinExpr):
            self._join(item, level, outer)

    def _join(self, join: Node, level: _Level, outer: _Outer) -> None:
        sides = []
        for arm in (join.larg, join.rarg):
            before = len(level.relations)
            self._from(arm, level, outer)
            sides.append({relation.alias for relation in level.relations[before:]})
        pairs = list(self._equalities(join.quals, level))
        if any(column.sval == SCOPE_PARAMETER for column in join.usingClause or ()):
            pairs += [(left, right) for left in sides[0] for right in sides[1]]
        # An outer join keeps unmatched rows of one side: its condition says nothing about them.
        may_tie = {
            JoinType.JOIN_INNER: sides[0] | sides[1],
            JoinType.JOIN_LEFT: sides[1],
            JoinType.JOIN_RIGHT: sides[0],
        }.get(join.jointype, set())
        for left, right in pairs:
            level.ties += [(start, to) for start, to in ((left, right), (right, left)) if to in may_tie]

    def _equalities(self, condition: Node, level: _Level) -> Iterator[Tie]:
        """Pairs of nodes that are equal wherever `condition` holds: its conjuncts, never what stands under OR or NOT."""
        if _is(condition, ast.BoolExpr) and condition.boolop == BoolExprType.AND_EXPR:
            for part in condition.args:
                yield from self._equalities(part, level)
        elif _is(condition, ast.A_Expr) and condition.kind == A_Expr_Kind.AEXPR_OP:
            left, right = self._node(condition.lexpr, level), self._node(condition.rexpr, level)
            if condition.name[-1].sval == "=" and left and right:
                yield left, right

    def _node(self, expression: Node, level: _Level) -> str | None:
        """The graph's node that `expression` stands for: the scope, or an alias whose workspace_id it is."""
        if _is(expression, ast.ParamRef):
            return _SCOPE if expression.number == self._scope else None
        if _is(expression, ast.TypeCast):
            return self._node(expression.arg, level)
        if not _is(expression, ast.ColumnRef):
            return None
        names = [part.sval for part in expression.fields if _is(part, ast.String)]
        if names[-1:] != [SCOPE_PARAMETER]:
            return None
        if len(names) > 1:
            return str(names[-2])
        return level.relations[0].alias if len(level.relations) == 1 else None

    def _insert(self, node: Node, outer: _Outer) -> Iterator[Found]:
        table = node.relation.relname
        if table not in self._tenant:
            return
        columns = [column.name for column in node.cols or ()]
        if SCOPE_PARAMETER not in columns:
            yield table, "the INSERT gives no workspace_id"
            return
        position = columns.index(SCOPE_PARAMETER)
        for row, level in self._inserted(node.selectStmt, outer):
            given = self._node(row[position], level) if position < len(row) else None
            if given != _SCOPE and given not in level.tied(outer):
                yield table, "the INSERT takes its workspace_id from elsewhere than the scope"

    def _inserted(self, select: Node, outer: _Outer) -> Iterator[tuple[list[Node], _Level]]:
        if select.valuesLists:
            for values in select.valuesLists:
                yield list(values), _Level([], [])
        elif select.op.value != 0:
            yield from self._inserted(select.larg, outer)
            yield from self._inserted(select.rarg, outer)
        else:
            yield [target.val for target in select.targetList or ()], self._level(select, outer)


def _is(node: object, *kinds: type) -> bool:
    """isinstance without narrowing, for the reason given at `Node`."""
    return isinstance(node, kinds)


def _subqueries(node: Node) -> Iterator[Node]:
    """The statements directly inside `node`, other than its CTEs."""
    for name in node:
        if name != "withClause":
            yield from _statements_in(getattr(node, name))


def _statements_in(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for item in value:
            yield from _statements_in(item)
    elif _is(value, *_CHECKED):
        yield value
    elif isinstance(value, ast.Node):
        for name in list(value):  # a node iterates over the names of its attributes
            yield from _statements_in(getattr(value, name))
