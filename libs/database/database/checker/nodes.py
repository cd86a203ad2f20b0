"""Small questions to pglast's syntax tree.

pglast types every attribute as optional; PostgreSQL's grammar says which are there. Hence `Syntax` is Any, and `is_a` does not narrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import ast

Syntax = Any

STATEMENTS = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


def is_a(node: object, *kinds: type) -> bool:
    """isinstance without narrowing."""
    return isinstance(node, kinds)


def strings(values: Syntax) -> list[str]:
    """The texts of a list of String nodes."""
    return [value.sval for value in values or ()]


def children(node: Syntax) -> Iterator[Syntax]:
    """What stands directly inside a node or a list."""
    if isinstance(node, tuple):
        yield from node
    elif isinstance(node, ast.Node):
        for name in list(node):  # a node iterates over the names of its attributes
            yield getattr(node, name)


def all_of(node: Syntax, *kinds: type) -> Iterator[Syntax]:
    """Every node of some kinds inside `node`, itself included, at whatever depth."""
    todo = [node]
    while todo:
        one = todo.pop()
        if is_a(one, *kinds):
            yield one
        todo.extend(children(one))


def is_plain_text(type_name: Syntax) -> bool:
    """Whether a cast is to `text`, whole: no array, no length, no other schema's type of that name."""
    return (
        strings(type_name.names) in (["text"], ["pg_catalog", "text"])
        and not type_name.typmods
        and not type_name.arrayBounds
        and not type_name.setof
        and not type_name.pct_type
    )


def split_name(values: Syntax) -> tuple[str | None, str]:
    """Schema and name of a function or an operator; the schema is None where there is none."""
    *schema, name = strings(values)
    return (".".join(schema) or None), name


def output_name(value: Syntax) -> str:
    """The name that PostgreSQL gives an output column that has no alias."""
    if is_a(value, ast.ColumnRef, ast.A_Indirection):
        names = [
            part.sval
            for part in (value.fields if is_a(value, ast.ColumnRef) else value.indirection)
            if is_a(part, ast.String)
        ]
        return names[-1] if names else output_name(getattr(value, "arg", None))
    if is_a(value, ast.FuncCall):
        return split_name(value.funcname)[1]
    if is_a(value, ast.CollateClause):
        return output_name(value.arg)
    if is_a(value, ast.TypeCast):
        inner = output_name(value.arg)
        return strings(value.typeName.names)[-1] if inner == UNNAMED else inner
    if is_a(value, ast.CaseExpr):
        inner = output_name(value.defresult)
        return "case" if inner == UNNAMED else inner
    if is_a(value, ast.SubLink):
        return _of_subquery(value)
    return _FIXED.get(type(value), UNNAMED)


UNNAMED = "?column?"

_FIXED: dict[type, str] = {
    ast.CoalesceExpr: "coalesce",
    ast.RowExpr: "row",
    ast.A_ArrayExpr: "array",
    ast.GroupingFunc: "grouping",
}


def _of_subquery(link: Syntax) -> str:
    kind = link.subLinkType.name
    if kind == "EXPR_SUBLINK":
        select = link.subselect
        while select.larg:
            select = select.larg
        first = select.targetList[0] if select.targetList else None
        return (first.name or output_name(first.val)) if first else "column1"
    return {"EXISTS_SUBLINK": "exists", "ARRAY_SUBLINK": "array"}.get(kind, UNNAMED)
