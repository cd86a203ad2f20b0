"""Mutants of a statement's shape: joins, set operations, subqueries, aliases, common table expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pglast import ast
from pglast.enums import BoolExprType

from database.queries import SCOPE_PARAMETER
from isolation.mutants.draft import (
    Draft,
    Level,
    Node,
    Relation,
    conjunction,
    conjuncts,
    expression,
    from_item,
    is_a,
    is_tie,
    names_of,
    parsed,
    rewrite,
    text,
    walk,
)
from isolation.mutants.rotation import rotated

Shape = Callable[[Draft, Level, Relation], bool]
"""Changes the draft; False when it has no such place."""


def shape_mutants(draft: Draft, level: int, place: int) -> Iterator[tuple[str, str]]:
    """Operator and text of each mutant of the shape around one relation, named by its position. Each is made from a fresh tree."""
    turn = f"{draft.statement.name} {level} {place}"
    for operator, shape in rotated(SHAPES, EVERYWHERE, turn, SHARE).items():
        fresh = Draft.of(draft.statement, draft.columns)
        found = fresh.levels()[level]
        if shape(fresh, found, found.relations[place]):
            yield operator, fresh.text()


def unscoped(draft: Draft) -> bool:
    """Drop all ties of all relations; False when there is none."""
    dropped: list[Node] = []
    for level in draft.levels():
        for relation in level.relations:
            _take(level, relation, draft.scope, dropped)
    return bool(dropped)


def _take(level: Level, relation: Relation, scope: str, taken: list[Node]) -> None:
    """Move the relation's ties from the level's conditions into `taken`."""

    def change(part: Node) -> Node | None:
        if not is_tie(part, relation, scope):
            return part
        taken.append(part)
        return None

    rewrite(level.node, change)


def _and_to_or(draft: Draft, level: Level, relation: Relation) -> bool:
    parts = conjuncts(level.node.whereClause)
    if len(parts) < 2 or not any(is_tie(part, relation, draft.scope) for part in parts):
        return False
    level.node.whereClause = ast.BoolExpr(boolop=BoolExprType.OR_EXPR, args=tuple(parts))
    return True


def _not_around(draft: Draft, level: Level, relation: Relation) -> bool:
    parts = conjuncts(level.node.whereClause)
    if not any(is_tie(part, relation, draft.scope) for part in parts):
        return False
    level.node.whereClause = ast.BoolExpr(boolop=BoolExprType.NOT_EXPR, args=(conjunction(parts),))
    return True


def _tie_into_join(kind: str, other: str, where: str) -> Shape:
    """All of the relation's ties become the condition of an outer join that keeps the relation's rows whatever it says."""

    def shape(draft: Draft, level: Level, relation: Relation) -> bool:
        node, ties = level.node, list[Node]()
        _take(level, relation, draft.scope, ties)
        if not ties or not is_a(node, ast.SelectStmt):
            return False
        sides = [", ".join(text(item) for item in node.fromClause), other.format(scope=draft.scope)]
        if len(node.fromClause) > 1:
            return False
        left, right = sides if where == "left" else reversed(sides)
        condition = f"{relation.column()} = one.scope" if kind == "FULL" else text(conjunction(ties))
        node.fromClause = (from_item(f"{left} {kind} JOIN {right} ON {condition}"),)
        return True

    return shape


def _tie_into(clause: str) -> Shape:
    """The relation's ties no longer filter: they are shown, or only sort, or filter an aggregate."""

    def shape(draft: Draft, level: Level, relation: Relation) -> bool:
        node, ties = level.node, list[Node]()
        _take(level, relation, draft.scope, ties)
        if not ties or not is_a(node, ast.SelectStmt):
            return False
        shown = parse_target(clause.format(tie=text(conjunction(ties))))
        node.targetList = (*(node.targetList or ()), shown)
        return True

    return shape


def parse_target(sql: str) -> Node:
    """A column of a result."""
    return ast.ResTarget(val=expression(sql), name="more")


def _subquery_shown(draft: Draft, level: Level, relation: Relation) -> bool:
    """Everybody's rows are counted in an output column."""
    node, shown = level.node, parse_target(f"(SELECT count(*) FROM {relation.table} x)")
    if is_a(node, ast.SelectStmt):
        node.targetList = (*(node.targetList or ()), shown)
    elif node.returningClause:
        node.returningClause.exprs = (*node.returningClause.exprs, shown)
    else:
        return False
    return True


def _subquery_asked(draft: Draft, level: Level, relation: Relation) -> bool:
    """Whether anybody has a row decides about this workspace's own."""
    asked = expression(f"(SELECT count(*) FROM {relation.table} x) > 1")
    level.node.whereClause = conjunction([*conjuncts(level.node.whereClause), asked])
    return True


def _further(kind: str, sql: str, condition: str = "") -> Shape:
    """One more item in FROM, which nothing ties: how often each row comes is what leaks."""

    def shape(draft: Draft, level: Level, relation: Relation) -> bool:
        node = level.node
        renamed = ", ".join(f"c{number}" for number in range(len(draft.columns[relation.table])))
        item = sql.format(table=relation.table, renamed=renamed)
        if is_a(node, ast.SelectStmt):
            first = text(node.fromClause[-1])
            node.fromClause = (*node.fromClause[:-1], from_item(f"{first} {kind} {item} {condition}"))
        elif is_a(node, ast.UpdateStmt) and not condition:
            node.fromClause = (*(node.fromClause or ()), from_item(item.removeprefix("LATERAL ")))
        else:
            return False
        return True

    return shape


def _alias_shift(draft: Draft, level: Level, relation: Relation) -> bool:
    """The tie holds for another mention of the table than the one that is read."""
    return _twin(level, relation, draft.scope, f"CROSS JOIN {relation.table} AS tied")


def _using(draft: Draft, level: Level, relation: Relation) -> bool:
    """The table joined to itself by USING, the workspace left out of the columns."""
    rest = [name for name in draft.columns[relation.table] if name != SCOPE_PARAMETER][:1]
    return bool(rest) and _twin(level, relation, draft.scope, f"JOIN {relation.table} AS tied USING ({rest[0]})")


def _twin(level: Level, relation: Relation, scope: str, more: str) -> bool:
    """Read `relation` as `read` with a second mention called `tied`, to which the ties go."""
    node, ties = level.node, list[Node]()
    _take(level, relation, scope, ties)
    if not ties or not is_a(node, ast.SelectStmt) or not relation.alone or node.lockingClause:
        return False
    for column in _columns_at(node):
        names = names_of(column)
        column.fields = tuple(ast.String(sval=part) for part in ("read", names[-1]))
    node.fromClause = (from_item(f"{relation.table} AS read {more}"),)
    node.whereClause = conjunction([*conjuncts(node.whereClause), expression(f"tied.workspace_id = {scope}")])
    return True


def _columns_at(node: Node) -> Iterator[Node]:
    for name in ("targetList", "whereClause", "groupClause", "sortClause"):
        for found in walk(getattr(node, name)):
            if is_a(found, ast.ColumnRef) and names_of(found):
                yield found


def _relabel(draft: Draft, relation: Relation) -> str:
    rest = ", ".join(name for name in draft.columns[relation.table] if name != SCOPE_PARAMETER)
    return f"SELECT {draft.scope}::text AS workspace_id, {rest} FROM {relation.table}"


def _relabelled(draft: Draft, level: Level, relation: Relation) -> bool:
    """A subquery gives everybody's rows the scope as their workspace_id."""
    node = level.node
    if not is_a(node, ast.SelectStmt) or not relation.alone or node.lockingClause:
        return False
    node.fromClause = (from_item(f"({_relabel(draft, relation)}) AS {relation.alias}"),)
    return True


def _shadowed(draft: Draft, level: Level, relation: Relation) -> bool:
    """A common table expression takes the table's name and gives everybody's rows the scope as their workspace_id."""
    node = level.node
    if not is_a(node, ast.SelectStmt) or node.withClause or node.lockingClause:
        return False
    query = f"WITH {relation.table} AS ({_relabel(draft, relation)}) SELECT 1"
    node.withClause = parsed(query).withClause
    return True


SHAPES: dict[str, Shape] = {
    "and to or": _and_to_or,
    "not around all": _not_around,
    "tie into a left join": _tie_into_join("LEFT", "(SELECT 1 AS n) AS one", "left"),
    "tie into a right join": _tie_into_join("RIGHT", "(SELECT 1 AS n) AS one", "right"),
    "tie into a full join": _tie_into_join("FULL", "(SELECT {scope}::text AS scope) AS one", "left"),
    "tie shown": _tie_into("{tie}"),
    "tie in a filter": _tie_into("count(*) FILTER (WHERE {tie}) OVER ()"),
    "subquery shown": _subquery_shown,
    "subquery asked": _subquery_asked,
    "cross join": _further("CROSS JOIN", "{table} AS more ({renamed})"),
    "subquery joined": _further("CROSS JOIN", "(SELECT x.workspace_id AS found FROM {table} x) AS more"),
    "lateral": _further("CROSS JOIN", "LATERAL (SELECT x.workspace_id AS found FROM {table} x LIMIT 2) AS more"),
    "left join on true": _further("LEFT JOIN", "{table} AS more ({renamed})", "ON true"),
    "alias shift": _alias_shift,
    "using without workspace": _using,
    "relabelled subquery": _relabelled,
    "shadowed by a cte": _shadowed,
}
"""By operator."""

SHARE = 4
EVERYWHERE = frozenset(
    {
        "and to or",
        "tie into a left join",
        "subquery shown",
        "subquery joined",
        "relabelled subquery",
        "left join on true",
    }
)
