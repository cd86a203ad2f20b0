"""Mutants of a statement as a whole: what an INSERT writes, what an UPDATE moves, swapped parameters, unscoped companions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pglast import ast

from database.queries import SCOPE_PARAMETER
from isolation.mutants.draft import Draft, Node, conjunction, conjuncts, expression, is_a, parsed, text, walk
from isolation.mutants.shapes import parse_target, unscoped
from isolation.mutants.ties import PARAMETERS

CONFLICT_TARGET = "conflict target"
"""Of this operator the database itself disposes: there is no unique index without a workspace (the fourth wall sees to that)."""

Whole = Callable[[Draft], str | None]
"""The mutant's text; None when the statement has no such place."""


def whole_mutants(draft: Draft) -> Iterator[tuple[str, str]]:
    """Operator and text of each mutant of a whole statement. Each is made from a fresh tree."""
    for operator, whole in {**WHOLES, **_swaps(draft)}.items():
        sql = whole(Draft.of(draft.statement, draft.columns))
        if sql is not None:
            yield operator, sql


def _inserts(draft: Draft) -> list[Node]:
    nodes = [node for node in walk(draft.root) if is_a(node, ast.InsertStmt)]
    return [node for node in nodes if node.relation.relname in draft.columns]


def _inserted(value: str) -> Whole:
    """The INSERT takes its workspace_id from elsewhere."""

    def whole(draft: Draft) -> str | None:
        nodes = _inserts(draft)
        for node in nodes:
            table = node.relation.relname
            filled = expression(value.format(scope=draft.scope, stranger=draft.stranger, table=table))
            _set_values(node, filled)
        return draft.text() if nodes else None

    return whole


def _set_values(insert: Node, value: Node | None) -> None:
    """Put `value` in the place of the workspace_id of every row; without one the column goes."""
    at = [column.name for column in insert.cols].index(SCOPE_PARAMETER)
    select = insert.selectStmt

    def changed(row: tuple[Node, ...], item: Node | None) -> tuple[Node, ...]:
        return (*row[:at], *((item,) if item is not None else ()), *row[at + 1 :])

    if value is None:
        insert.cols = changed(insert.cols, None)
    if select.valuesLists:
        select.valuesLists = tuple(changed(row, value) for row in select.valuesLists)
    else:
        select.targetList = changed(select.targetList, ast.ResTarget(val=value) if value is not None else None)


def _column_dropped(draft: Draft) -> str | None:
    nodes = _inserts(draft)
    for node in nodes:
        _set_values(node, None)
        clause = node.onConflictClause
        if clause is not None and clause.infer is not None:
            node.onConflictClause = None
    return draft.text() if nodes else None


def _copied(draft: Draft) -> str | None:
    """The INSERT copies everybody's rows into the workspace."""
    for node in _inserts(draft):
        columns = [column.name for column in node.cols]
        taken = ", ".join(draft.scope if name == SCOPE_PARAMETER else f"x.{name}" for name in columns)
        node.selectStmt = parsed(f"SELECT {taken} FROM {node.relation.relname} x")
        return draft.text()
    return None


def _conflict_target(draft: Draft) -> str | None:
    """The INSERT meets, and changes, whoever's row has the same key."""
    changed = False
    for node in _inserts(draft):
        infer: Node = node.onConflictClause.infer if node.onConflictClause else None
        rest = tuple(one for one in (infer.indexElems if infer else ()) if one.name != SCOPE_PARAMETER)
        if rest:
            infer.indexElems = rest
            changed = True
    return draft.text() if changed else None


def _set(draft: Draft, node: Node, column: str, value: str) -> str:
    node.targetList = (*node.targetList, ast.ResTarget(name=column, val=expression(value)))
    return draft.text()


def _conflict_moves(draft: Draft) -> str | None:
    """The row that is there already moves to another workspace."""
    for node in _inserts(draft):
        if node.onConflictClause and node.onConflictClause.targetList:
            return _set(draft, node.onConflictClause, SCOPE_PARAMETER, draft.stranger)
    return None


def _conflict_reads(draft: Draft) -> str | None:
    """Whether the row is changed depends on everybody's rows."""
    for node in _inserts(draft):
        clause = node.onConflictClause
        if clause and clause.targetList:
            asked = expression(f"EXISTS (SELECT FROM {node.relation.relname} x WHERE x.workspace_id <> {draft.scope})")
            clause.whereClause = conjunction([*conjuncts(clause.whereClause), asked])
            return draft.text()
    return None


def _insert_returns(draft: Draft) -> str | None:
    for node in _inserts(draft):
        shown = parse_target(f"(SELECT count(*) FROM {node.relation.relname} x)")
        if node.returningClause:
            node.returningClause.exprs = (*node.returningClause.exprs, shown)
            return draft.text()
    return None


def _updates(draft: Draft) -> list[Node]:
    nodes = [node for node in walk(draft.root) if is_a(node, ast.UpdateStmt)]
    return [node for node in nodes if node.relation.relname in draft.columns]


def _moved(value: str) -> Whole:
    """The UPDATE moves its rows to another workspace."""

    def whole(draft: Draft) -> str | None:
        for node in _updates(draft):
            return _set(draft, node, SCOPE_PARAMETER, value.format(stranger=draft.stranger))
        return None

    return whole


def _swap(other: str) -> Whole:
    """The scope's parameter and another change places."""

    def whole(draft: Draft) -> str | None:
        if not draft.levels() and not _inserts(draft):
            return None
        pair = {int(draft.scope[1:]): int(other[1:]), int(other[1:]): int(draft.scope[1:])}
        for node in walk(draft.root):
            if is_a(node, ast.ParamRef):
                node.number = pair.get(node.number, node.number)
        return draft.text()

    return whole


def _swaps(draft: Draft) -> dict[str, Whole]:
    return {f"swap with {other}": _swap(other) for other in draft.others[:PARAMETERS]}


def _with_unscoped(pattern: str) -> Whole:
    """The answer is put together with the answer that nothing scopes."""

    def whole(draft: Draft) -> str | None:
        scoped = draft.text()
        if not is_a(draft.root, ast.SelectStmt) or not unscoped(draft):
            return None
        return pattern.format(
            own=f"(SELECT * FROM ({scoped}) AS own)", all=f"(SELECT * FROM ({draft.text()}) AS every)"
        )

    return whole


def _unscoped_in_cte(draft: Draft) -> str | None:
    """A statement of its own in WITH changes everybody's rows before this one reads its workspace's."""
    nodes = [level for level in draft.levels() if is_a(level.node, ast.UpdateStmt)]
    if not nodes or draft.root.withClause:
        return None
    scoped = draft.text()
    return f"WITH everybody AS ({draft.text()}) {scoped}" if unscoped(draft) else None


def _unscoped_first(draft: Draft) -> str | None:
    """Everybody's rows are read by a common table expression and filtered by no one."""
    if not is_a(draft.root, ast.SelectStmt) or draft.root.withClause:
        return None
    scoped = draft.text()
    if not unscoped(draft):
        return None
    return f"WITH everybody AS MATERIALIZED ({draft.text()}) SELECT own.*, (SELECT count(*) FROM everybody) FROM ({scoped}) AS own"


def _enters_another(draft: Draft) -> str | None:
    """The statement sets the scope of the rest of the transaction to another one."""
    for node in walk(draft.root):
        if is_a(node, ast.FuncCall) and text(node).startswith("set_config('app.workspace_id'"):
            node.args = (node.args[0], expression(draft.stranger), *node.args[2:])
            return draft.text()
    return None


WHOLES: dict[str, Whole] = {
    "insert a new parameter": _inserted("{stranger}"),
    "insert a literal": _inserted("'org_b'"),
    "insert a subquery": _inserted("(SELECT max(x.workspace_id) FROM {table} x)"),
    "insert a changed scope": _inserted("lower({scope})"),
    "insert a choice": _inserted("coalesce({stranger}, {scope})"),
    "insert without the column": _column_dropped,
    "insert copies": _copied,
    "insert returns more": _insert_returns,
    CONFLICT_TARGET: _conflict_target,
    "conflict moves the row": _conflict_moves,
    "conflict asks others": _conflict_reads,
    "enters another scope": _enters_another,
    "update moves the row": _moved("{stranger}"),
    "update moves to a literal": _moved("'org_b'"),
    "union with unscoped": _with_unscoped("{own} UNION ALL {all}"),
    "unscoped without its own": _with_unscoped("{all} EXCEPT ALL {own}"),
    "unscoped change in a cte": _unscoped_in_cte,
    "unscoped read in a cte": _unscoped_first,
}
"""By operator."""
