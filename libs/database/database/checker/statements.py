"""One walk through one statement, from its root."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pglast import ast
from pglast.enums import VariableSetKind

from database.checker import functions, selects, writes
from database.checker.catalog import Catalog, Relation
from database.checker.names import Fields, Names
from database.checker.nodes import STATEMENTS, Syntax, all_of, is_a
from database.checker.problems import Finding, Kind
from database.checker.walk import Walk

ViewCheck = Callable[[Catalog, Relation], tuple[str | None, Sequence[Finding]]]

_KINDS: dict[type, Callable[[Walk, Syntax, Names], Fields]] = {
    ast.SelectStmt: selects.select,
    ast.InsertStmt: writes.insert,
    ast.UpdateStmt: writes.update,
    ast.DeleteStmt: writes.delete,
    ast.MergeStmt: writes.merge,
}


def walk_through(
    node: Syntax,
    catalog: Catalog,
    view_check: ViewCheck,
    scope: int | None = None,
    crossing: bool = False,
    entering: bool = False,
) -> tuple[Walk, Fields]:
    """Walks through a statement; what was found on the way, and the columns that the statement returns."""
    walk = Walk(catalog, scope, crossing, entering, _query, view_check)
    columns: Fields = ()
    if is_a(node, *STATEMENTS):
        columns = _query(walk, node, Names())
        mentioned = sum(1 for _ in all_of(node, ast.RangeVar))
        if mentioned != walk.understood:
            missing = f"{mentioned - walk.understood} of its {mentioned} mentions of a relation stand where they are not understood"
            walk.problem(Kind.UNRESOLVED, "the statement", missing)
    elif is_a(node, ast.VariableSetStmt):
        _set(walk, node)
    else:
        walk.problem(Kind.NOT_ALLOWED, "the statement", f"a {type(node).__name__} is not checked, so it is not allowed")
    return walk, columns


def _set(walk: Walk, node: Syntax) -> None:
    """`SET LOCAL app.workspace_id = :workspace_id` in a statement that enters a scope; no other SET."""
    given: Sequence[Syntax] = node.args or ()
    from_scope = len(given) == 1 and is_a(given[0], ast.ParamRef) and given[0].number == walk.scope
    local = node.is_local and node.kind == VariableSetKind.VAR_SET_VALUE
    if not walk.entering or walk.crossing:
        walk.problem(Kind.SCOPE, "SET", "this statement does not enter a scope, so it must not change one")
    elif node.name != functions.SCOPE_SETTING or not local:
        walk.problem(Kind.SCOPE, "SET", "it may set the scope only, until the transaction ends")
    elif not from_scope:
        walk.problem(Kind.SCOPE, "SET", "it enters another workspace than the scope's")


def _query(walk: Walk, node: Syntax, names: Names) -> Fields:
    if type(node) not in _KINDS:
        walk.problem(
            Kind.NOT_ALLOWED, "the statement", f"a {type(node).__name__} inside is not checked, so it is not allowed"
        )
        return ()
    return _KINDS[type(node)](walk, node, selects.read_ctes(walk, node, names))
