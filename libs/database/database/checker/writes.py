"""INSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

from collections.abc import Sequence

from pglast import ast
from pglast.enums import CmdType, MergeMatchKind

from database.checker import sources
from database.checker.catalog import WORKSPACE, Relation
from database.checker.conditions import tie, value
from database.checker.expressions import visit
from database.checker.names import Field, Fields, Item, Named, Names
from database.checker.nodes import Syntax, is_a
from database.checker.outputs import returned
from database.checker.problems import Kind
from database.checker.ties import Node
from database.checker.walk import Walk


def insert(walk: Walk, node: Syntax, names: Names) -> Fields:
    """INSERT: every row gets its workspace from the scope."""
    relation, item = _target(walk, node.relation)
    given = walk.query(walk, node.selectStmt, names) if node.selectStmt else ()
    columns = _columns(walk, relation, [column.name for column in node.cols or ()])
    for column in node.cols or ():
        visit(walk, column.indirection, names)
    places = dict(zip(columns, given, strict=False))
    source = places[WORKSPACE].node if WORKSPACE in places else None
    own = _claim_given(walk, relation, item, source)
    level = names.below(item)
    if node.onConflictClause:
        _conflict(walk, node.onConflictClause, relation, level.beside(_excluded(relation, own)))
    return returned(walk, node.returningClause, level, item)


def update(walk: Walk, node: Syntax, names: Names) -> Fields:
    """UPDATE: the row is tied, and stays in its workspace."""
    start = walk.ties.mark
    relation, item = _target(walk, node.relation)
    walk.claim_rows(relation, item)
    level = names.below(item, *sources.read(walk, node.fromClause, names))
    tie(walk, node.whereClause, level, (start, walk.ties.mark))
    _sets(walk, node.targetList, relation, level)
    visit(walk, node.whereClause, level)
    return returned(walk, node.returningClause, level, item)


def delete(walk: Walk, node: Syntax, names: Names) -> Fields:
    """DELETE: the row is tied."""
    start = walk.ties.mark
    relation, item = _target(walk, node.relation)
    walk.claim_rows(relation, item)
    level = names.below(item, *sources.read(walk, node.usingClause, names))
    tie(walk, node.whereClause, level, (start, walk.ties.mark))
    visit(walk, node.whereClause, level)
    return returned(walk, node.returningClause, level, item)


def merge(walk: Walk, node: Syntax, names: Names) -> Fields:
    """MERGE: an outer join of target and source, whose condition ties the source only where nothing is done with unmatched rows of it."""
    start = walk.ties.mark
    relation, item = _target(walk, node.relation)
    walk.claim_rows(relation, item)
    clauses = node.mergeWhenClauses
    (source,) = sources.read(walk, (node.sourceRelation,), names)
    level = names.below(item, source)
    unmatched = any(clause.matchKind == MergeMatchKind.MERGE_WHEN_NOT_MATCHED_BY_TARGET for clause in clauses)
    tie(walk, node.joinCondition, level, item.nodes if unmatched else (start, walk.ties.mark))
    visit(walk, node.joinCondition, level)
    for clause in clauses:
        _when(walk, clause, relation, level)
    return returned(walk, node.returningClause, level, item)


def _target(walk: Walk, mention: Syntax) -> tuple[Relation | None, Item]:
    """The table that is written; never a CTE, whatever their names are."""
    relation = walk.relation(mention)
    if relation and relation.kind != "table":
        walk.problem(Kind.NOT_ALLOWED, relation.name, f"a statement writes to tables, and this is a {relation.kind}")
    return relation, walk.entry(mention, relation)


def _columns(walk: Walk, relation: Relation | None, listed: Sequence[str]) -> Sequence[str]:
    """The columns that an INSERT fills, in its order."""
    if relation is None:
        return listed
    known = [column.name for column in relation.columns]
    for name in listed:
        if name not in known:
            walk.problem(Kind.UNRESOLVED, name, f"there is no such column in {relation.name}")
    return listed or known


def _claim_given(walk: Walk, relation: Relation | None, item: Item, source: Node | None) -> Node | None:
    """Demands that new rows are given the scope; the node of their workspace column."""
    if relation is None or not relation.is_tenant_table:
        return None
    walk.claim(
        source,
        Kind.NOT_GIVEN,
        relation.name,
        "the INSERT gives no workspace_id, or takes it from elsewhere than the scope",
    )
    own = walk.workspace(relation, item)
    if source is not None and own is not None:
        walk.ties.follow(source, own)
    return own


def _excluded(relation: Relation | None, own: Node | None) -> Item:
    columns = relation.columns if relation else ()
    fields = tuple(Field(column.name, own if column.name == WORKSPACE else None) for column in columns)
    return Item((Named("excluded", fields, open=relation is None),), (), (0, 0))


def _conflict(walk: Walk, clause: Syntax, relation: Relation | None, names: Names) -> None:
    infer = clause.infer
    if relation and relation.is_tenant_table and not walk.crossing:
        _conflict_target(walk, infer, relation)
    visit(walk, infer, names)
    _sets(walk, clause.targetList, relation, names)
    visit(walk, clause.whereClause, names)


def _conflict_target(walk: Walk, infer: Syntax, relation: Relation) -> None:
    """A row of another workspace must not be what the new one conflicts with: the statement would tell, or change it."""
    if infer is None:
        wide = [name for name, columns in relation.unique if WORKSPACE not in columns]
        if wide:
            walk.problem(
                Kind.ORACLE,
                relation.name,
                f"ON CONFLICT without a target covers {', '.join(wide)}, without workspace_id",
            )
    elif infer.conname:
        columns = dict(relation.unique).get(infer.conname)
        if columns is None:
            walk.problem(Kind.UNRESOLVED, infer.conname, f"{relation.name} has no such unique constraint")
        elif WORKSPACE not in columns:
            walk.problem(Kind.ORACLE, relation.name, f"the conflict's constraint {infer.conname} has no workspace_id")
    elif not any(element.name == WORKSPACE for element in infer.indexElems or ()):
        walk.problem(Kind.ORACLE, relation.name, "the conflict target has no workspace_id")


def _sets(walk: Walk, targets: Syntax, relation: Relation | None, names: Names) -> None:
    """The assignments of SET."""
    for target in targets or ():
        visit(walk, (target.indirection, target.val), names)
        if relation is None:
            continue
        _columns(walk, relation, [target.name])
        if target.name == WORKSPACE and relation.is_tenant_table:
            assigned = value(walk, _assigned(target.val), names)
            walk.claim(assigned, Kind.NOT_GIVEN, relation.name, "SET moves the row to another workspace")


def _assigned(expression: Syntax) -> Syntax:
    """What a column is set to; of `SET (a, b) = (x, y)` its own part."""
    if is_a(expression, ast.MultiAssignRef) and is_a(expression.source, ast.RowExpr):
        return expression.source.args[expression.colno - 1]
    return expression


def _when(walk: Walk, clause: Syntax, relation: Relation | None, level: Names) -> None:
    if clause.matchKind == MergeMatchKind.MERGE_WHEN_NOT_MATCHED_BY_SOURCE and relation and relation.is_tenant_table:
        walk.claim(
            None,
            Kind.UNTIED,
            relation.name,
            "WHEN NOT MATCHED BY SOURCE reaches rows that the join condition does not tie",
        )
    visit(walk, clause.condition, level)
    if clause.commandType == CmdType.CMD_INSERT:
        columns = _columns(walk, relation, [target.name for target in clause.targetList or ()])
        visit(walk, clause.values, level)
        places = dict(zip(columns, clause.values or (), strict=False))
        given = value(walk, places.get(WORKSPACE), level)
        if relation and relation.is_tenant_table:
            walk.claim(
                given,
                Kind.NOT_GIVEN,
                relation.name,
                "the INSERT of the MERGE takes its workspace_id from elsewhere than the scope",
            )
    else:
        _sets(walk, clause.targetList, relation, level)
