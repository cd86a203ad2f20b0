"""SELECT, VALUES, set operations and WITH."""

from __future__ import annotations

from itertools import zip_longest

from pglast import ast
from pglast.enums import SetOperation

from database.checker import sources
from database.checker.conditions import tie, value
from database.checker.expressions import visit, visit_sorted
from database.checker.names import Field, Fields, Names, renamed
from database.checker.nodes import Syntax, is_a, strings
from database.checker.outputs import outputs
from database.checker.problems import Kind, Unresolved
from database.checker.walk import Walk


def select(walk: Walk, node: Syntax, names: Names) -> Fields:
    """The columns of a query whose WITH clause has been read into `names`."""
    if node.op != SetOperation.SETOP_NONE:
        left, right = walk.query(walk, node.larg, names), walk.query(walk, node.rarg, names)
        return _ordered(walk, node, names, _combined(walk, left, right))
    if node.valuesLists:
        return _ordered(walk, node, names, _values(walk, node, names))
    return _plain(walk, node, names)


def read_ctes(walk: Walk, node: Syntax, names: Names) -> Names:
    """What a statement can name: `names` and its own CTEs, which are checked."""
    clause = node.withClause
    if clause is None:
        return names
    if clause.recursive:
        for cte in clause.ctes:
            names = names.with_cte(cte.ctename, None)
    for cte in clause.ctes:
        fields = _recursive(walk, cte, names) if clause.recursive else walk.query(walk, cte.ctequery, names)
        names = names.with_cte(cte.ctename, (*_aliased(walk, cte, fields), *_added(cte)))
    return names


def _plain(walk: Walk, node: Syntax, names: Names) -> Fields:
    start = walk.ties.mark
    level = names.below(*sources.read(walk, node.fromClause, names))
    tie(walk, node.whereClause, level, (start, walk.ties.mark))
    columns = outputs(walk, node.targetList, level)
    visit(walk, (node.whereClause, node.havingClause), level)
    named = frozenset(one.name for one in columns)
    visit_sorted(walk, node.groupClause, level, named)
    visit_sorted(walk, node.distinctClause, level, named)
    for window in node.windowClause or ():
        visit_sorted(walk, window.partitionClause, level, frozenset())
        visit_sorted(walk, window.orderClause, level, frozenset())
        visit(walk, (window.startOffset, window.endOffset), level)
    if node.intoClause:
        walk.problem(Kind.NOT_ALLOWED, "SELECT INTO", "it makes a table")
    _locks(walk, node, level)
    return _ordered(walk, node, level, columns)


def _ordered(walk: Walk, node: Syntax, names: Names, columns: Fields) -> Fields:
    visit_sorted(walk, node.sortClause, names, frozenset(one.name for one in columns))
    visit(walk, (node.limitCount, node.limitOffset), names)
    return columns


def _locks(walk: Walk, node: Syntax, level: Names) -> None:
    """FOR UPDATE OF names entries of the FROM clause, not tables."""
    present = {one.name for item in level.items for one in item.relations}
    for clause in node.lockingClause or ():
        for mention in clause.lockedRels or ():
            walk.understood += 1
            if mention.schemaname or mention.relname not in present:
                walk.problem(Kind.UNRESOLVED, mention.relname, "FOR UPDATE OF names no entry of the FROM clause")


def _combined(walk: Walk, left: Fields, right: Fields) -> Fields:
    """The columns of a set operation: tied where both sides' are."""
    empty = Field("")
    return tuple(
        Field(one.name, None if one.node is None or other.node is None else walk.ties.node(one.node, other.node))
        for one, other in zip_longest(left, right, fillvalue=empty)
    )


def _values(walk: Walk, node: Syntax, names: Names) -> Fields:
    """The columns of VALUES: tied where the value of every row is."""
    visit(walk, node.valuesLists, names)
    return tuple(
        Field(f"column{place}", walk.ties.node(*(None if one is None else value(walk, one, names) for one in column)))
        for place, column in enumerate(zip_longest(*node.valuesLists), start=1)
    )


def _recursive(walk: Walk, cte: Syntax, names: Names) -> Fields:
    """A CTE under WITH RECURSIVE. Its own rows are taken for tied as its first part's are, provided that its further part's are too."""
    node = cte.ctequery
    if not is_a(node, ast.SelectStmt) or node.op != SetOperation.SETOP_UNION:
        return walk.query(walk, node, names)
    names = read_ctes(walk, node, names)
    first = walk.query(walk, node.larg, names)
    own = tuple(Field(one.name, None if one.node is None else walk.ties.node()) for one in _aliased(walk, cte, first))
    further = walk.query(walk, node.rarg, names.with_cte(cte.ctename, own))
    for begun, mine, continued in zip(first, own, further, strict=False):
        if begun.node is not None and mine.node is not None:
            kept = continued.node if continued.node is not None else walk.ties.node()
            walk.ties.assume(mine.node, begun.node, kept)
    return _ordered(walk, node, names, _combined(walk, first, further))


def _aliased(walk: Walk, cte: Syntax, fields: Fields) -> Fields:
    try:
        return renamed(fields, strings(cte.aliascolnames))
    except Unresolved as error:
        walk.problem(Kind.UNRESOLVED, cte.ctename, str(error))
        return fields


def _added(cte: Syntax) -> Fields:
    """The columns of SEARCH and CYCLE."""
    search, cycle = cte.search_clause, cte.cycle_clause
    names = [search.search_seq_column] if search else []
    names += [cycle.cycle_mark_column, cycle.cycle_path_column] if cycle else []
    return tuple(Field(name) for name in names)
