"""Reads the condition of a policy with PostgreSQL's own grammar: does it let through rows of the scope's workspace only?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType

SETTING = "app.workspace_id"


def tied(condition: str) -> bool:
    """Whether `workspace_id = current_setting('app.workspace_id')` has to hold wherever `condition` (as pg_get_expr prints it) does.

    What stands beside it under AND may only restrict. A missing setting has to be an error, so the two-argument form does not count.
    """
    (raw,) = parse_sql(f"SELECT {condition}")
    (target,) = cast("ast.SelectStmt", raw.stmt).targetList or ()
    return any(_is_tie(part) for part in _conjuncts(target.val))


def _conjuncts(node: ast.Node) -> Iterator[ast.Node]:
    if isinstance(node, ast.BoolExpr) and node.boolop is BoolExprType.AND_EXPR:
        for part in node.args or ():
            yield from _conjuncts(part)
    else:
        yield node


def _is_tie(node: ast.Node) -> bool:
    if not isinstance(node, ast.A_Expr) or node.kind is not A_Expr_Kind.AEXPR_OP or _words(node.name) != ["="]:
        return False
    sides = (node.lexpr, node.rexpr)
    return any(_is_column(one) for one in sides) and any(_is_setting(one) for one in sides)


def _is_column(node: object) -> bool:
    return isinstance(node, ast.ColumnRef) and _words(node.fields) == ["workspace_id"]


def _is_setting(node: object) -> bool:
    if not isinstance(node, ast.FuncCall) or _words(node.funcname) != ["current_setting"] or len(node.args or ()) != 1:
        return False
    (argument,) = node.args or ()
    constant = argument.arg if isinstance(argument, ast.TypeCast) else argument
    return isinstance(constant, ast.A_Const) and isinstance(constant.val, ast.String) and constant.val.sval == SETTING


def _words(names: object) -> list[str]:
    """The parts of a name. A qualified one differs: PostgreSQL prints a schema where the search path would find something else."""
    return (
        [(part.sval or "") if isinstance(part, ast.String) else "" for part in names]
        if isinstance(names, tuple)
        else []
    )
