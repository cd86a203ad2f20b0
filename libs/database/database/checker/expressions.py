"""Visits every expression: resolves its columns, checks its functions and operators, and follows its subqueries."""

from __future__ import annotations

from collections.abc import Sequence

from pglast import ast

from database.checker import functions
from database.checker.conditions import value
from database.checker.names import Names
from database.checker.nodes import (
    STATEMENTS,
    Syntax,
    all_of,
    children,
    is_a,
    is_plain_text,
    split_name,
    strings,
)
from database.checker.problems import Kind, Unresolved
from database.checker.ties import SCOPE
from database.checker.walk import Walk


def visit(walk: Walk, node: Syntax, names: Names) -> None:
    """Checks an expression, or any part of a statement in which names mean what `names` says."""
    if is_a(node, *STATEMENTS):
        walk.query(walk, node, names)
        return
    if is_a(node, ast.ColumnRef):
        _column(walk, node, names)
        return
    if is_a(node, ast.FuncCall):
        _call(walk, node, names)
    elif is_a(node, ast.A_Expr):
        _operator(walk, node.name)
    elif is_a(node, ast.SubLink) and node.operName:
        _operator(walk, node.operName)
    elif is_a(node, ast.SortBy) and node.useOp:
        _operator(walk, node.useOp)
    elif is_a(node, ast.TypeCast):
        _cast(walk, node)
    for child in children(node):
        visit(walk, child, names)


def visit_sorted(walk: Walk, items: Syntax, names: Names, outputs: frozenset[str]) -> None:
    """ORDER BY, GROUP BY and DISTINCT ON, whose items may be names of output columns."""
    for item in items or ():
        inner = item.node if is_a(item, ast.SortBy) else item
        if is_a(inner, ast.ColumnRef) and len(inner.fields) == 1 and _first(inner) in outputs:
            if is_a(item, ast.SortBy) and item.useOp:
                _operator(walk, item.useOp)
            continue
        visit(walk, item, names)


def _first(column: Syntax) -> str | None:
    part = column.fields[0]
    return part.sval if is_a(part, ast.String) else None


def _column(walk: Walk, node: Syntax, names: Names) -> None:
    parts = [part.sval for part in node.fields if is_a(part, ast.String)]
    if len(parts) == len(node.fields):
        walk.resolve(names, parts)
    elif parts:
        try:
            names.relation(parts)
        except Unresolved as error:
            walk.problem(Kind.UNRESOLVED, ".".join(parts), str(error))


def _operator(walk: Walk, parts: Syntax) -> None:
    schema, name = split_name(parts)
    if not walk.catalog.operator_is_built_in(schema, name):
        walk.problem(Kind.FUNCTION, f"operator {name}", "it need not be PostgreSQL's own")


def _cast(walk: Walk, node: Syntax) -> None:
    if is_a(node.arg, ast.ParamRef) and node.arg.number == walk.scope and not is_plain_text(node.typeName):
        to = ".".join(strings(node.typeName.names))
        walk.problem(Kind.UNCLEAR, "the scope", f"a cast to {to} may change it; only ::text leaves it as it is")


def _call(walk: Walk, node: Syntax, names: Names) -> None:
    schema, name = split_name(node.funcname)
    finding = functions.refusal(walk.catalog, schema, name, walk.crossing)
    if finding:
        walk.findings.add(finding.kind, finding.relation, finding.missing)
    if name == "set_config":
        _sets(walk, node, names)
    elif name == "current_setting" and not (_text(node, 0) or "").startswith("app."):
        walk.problem(Kind.FUNCTION, "function current_setting", "it reads a setting other than those called app.…")
    elif functions.is_lock(name) and not walk.crossing and not _mentions_scope(walk, node):
        walk.problem(
            Kind.FUNCTION, f"function {name}", "workspaces would wait for each other; put :workspace_id into the key"
        )


def _mentions_scope(walk: Walk, node: Syntax) -> bool:
    return any(one.number == walk.scope for one in all_of(node.args, ast.ParamRef))


def _sets(walk: Walk, node: Syntax, names: Names) -> None:
    """`set_config('app.…', …, true)` in a statement that enters a scope; the workspace it enters is the scope's own parameter."""
    setting = _text(node, 0)
    arguments: Sequence[Syntax] = node.args or ()
    local = len(arguments) == 3 and _is_true(arguments[2])
    if not walk.entering or walk.crossing:
        walk.problem(
            Kind.SCOPE, "function set_config", "this statement does not enter a scope, so it must not change one"
        )
    elif setting not in functions.SETTINGS or not local:
        walk.problem(
            Kind.SCOPE, "function set_config", "it may set the scope's own settings only, until the transaction ends"
        )
    elif setting == functions.SCOPE_SETTING and value(walk, arguments[1], names) != SCOPE:
        walk.problem(Kind.SCOPE, "function set_config", "it enters another workspace than the scope's")


def _text(call: Syntax, place: int) -> str | None:
    """The argument at `place` when it is a literal text."""
    arguments: Sequence[Syntax] = call.args or ()
    constant: Syntax = arguments[place] if place < len(arguments) else None
    literal: Syntax = constant.val if is_a(constant, ast.A_Const) and not constant.isnull else None
    return literal.sval if is_a(literal, ast.String) else None


def _is_true(constant: Syntax) -> bool:
    return is_a(constant, ast.A_Const) and is_a(constant.val, ast.Boolean) and bool(constant.val.boolval)
