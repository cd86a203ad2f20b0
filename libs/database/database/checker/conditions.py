"""Equalities that hold wherever a condition does, and what an expression's value is."""

from __future__ import annotations

from collections.abc import Iterator

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType

from database.checker.names import Names
from database.checker.nodes import Syntax, is_a, is_plain_text, split_name
from database.checker.problems import Unresolved
from database.checker.ties import SCOPE, Node, Range
from database.checker.walk import Walk


def tie(walk: Walk, condition: Syntax, names: Names, within: Range) -> None:
    """Adds the equalities of a condition; only nodes `within` become tied by them."""
    for left, right in _equalities(walk, condition, names):
        walk.ties.equal(left, right, within)


def value(walk: Walk, expression: Syntax, names: Names) -> Node | None:
    """The node whose value a bare expression has: the scope's parameter or a text column, cast to text at most."""
    if is_a(expression, ast.ParamRef):
        return SCOPE if expression.number == walk.scope else None
    if is_a(expression, ast.TypeCast):
        return value(walk, expression.arg, names) if is_plain_text(expression.typeName) else None
    if not is_a(expression, ast.ColumnRef) or not all(is_a(part, ast.String) for part in expression.fields):
        return None
    try:
        return names.column([part.sval for part in expression.fields]).node
    except Unresolved:  # noted where expressions are visited
        return None


def _equalities(walk: Walk, condition: Syntax, names: Names) -> Iterator[tuple[Node, Node]]:
    """Pairs of equal nodes from the conjuncts; what stands under OR, NOT, CASE or a function says nothing."""
    if is_a(condition, ast.BoolExpr) and condition.boolop == BoolExprType.AND_EXPR:
        for part in condition.args:
            yield from _equalities(walk, part, names)
    elif is_a(condition, ast.A_Expr) and condition.kind == A_Expr_Kind.AEXPR_OP and _is_equality(walk, condition):
        for left, right in _sides(condition.lexpr, condition.rexpr):
            one, other = value(walk, left, names), value(walk, right, names)
            if one is not None and other is not None:
                yield one, other


def _is_equality(walk: Walk, expression: Syntax) -> bool:
    schema, name = split_name(expression.name)
    return name == "=" and walk.catalog.operator_is_built_in(schema, name)


def _sides(left: Syntax, right: Syntax) -> list[tuple[Syntax, Syntax]]:
    """The pairs that are compared: `(a, b) = (c, d)` compares a with c and b with d."""
    if is_a(left, ast.RowExpr) and is_a(right, ast.RowExpr):
        return list(zip(left.args, right.args, strict=False)) if len(left.args) == len(right.args) else []
    return [(left, right)]
