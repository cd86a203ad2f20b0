"""FROM clauses: what each entry makes visible, and what the conditions of joins tie."""

from __future__ import annotations

from pglast import ast
from pglast.enums import JoinType

from database.checker.conditions import tie
from database.checker.expressions import visit
from database.checker.names import Field, Fields, Item, Named, Names
from database.checker.nodes import Syntax, is_a, output_name, strings
from database.checker.problems import Kind
from database.checker.ties import Range
from database.checker.walk import Walk


def read(walk: Walk, clause: Syntax, outer: Names) -> tuple[Item, ...]:
    """The entries of a FROM or USING clause; `outer` is what is visible around the query level that it belongs to."""
    items: tuple[Item, ...] = ()
    for node in clause or ():
        items = (*items, _item(walk, node, outer, items))
    return items


def _item(walk: Walk, node: Syntax, outer: Names, before: tuple[Item, ...]) -> Item:
    """One entry; `before` are those to its left, which LATERAL may name."""
    if is_a(node, ast.RangeVar):
        return _relation(walk, node, outer)
    if is_a(node, ast.JoinExpr):
        return _join(walk, node, outer, before)
    if is_a(node, ast.RangeSubselect):
        return _subquery(walk, node, outer, before)
    if is_a(node, ast.RangeFunction):
        return _function(walk, node, outer.below(*before))
    if is_a(node, ast.RangeTableSample):
        visit(walk, (node.args, node.repeatable), outer.below(*before))
        return _item(walk, node.relation, outer, before)
    return _other(walk, node, outer.below(*before))


def _relation(walk: Walk, node: Syntax, outer: Names) -> Item:
    if node.schemaname is None and node.catalogname is None and node.relname in outer.ctes:
        return _cte(walk, node, outer.ctes[node.relname])
    relation = walk.relation(node)
    item = walk.entry(node, relation)
    walk.claim_rows(relation, item)
    return item


def _cte(walk: Walk, node: Syntax, columns: Fields | None) -> Item:
    walk.understood += 1
    if columns is None:
        walk.problem(
            Kind.UNRESOLVED,
            node.relname,
            "this CTE cannot be named here: it stands further below, or is this one itself",
        )
        columns = ()
    start = walk.ties.mark
    fields = tuple(Field(one.name, None if one.node is None else walk.ties.node(one.node)) for one in columns)
    return _named(walk, node.alias, node.relname, fields, start)


def _named(walk: Walk, alias: Syntax, name: str, fields: Fields, start: int, unknown: bool = False) -> Item:
    fields = walk.renamed(alias, fields)
    named = Named(alias.aliasname if alias else name, fields, open=unknown)
    return Item((named,), fields, (start, walk.ties.mark))


def _subquery(walk: Walk, node: Syntax, outer: Names, before: tuple[Item, ...]) -> Item:
    start = walk.ties.mark
    fields = walk.query(walk, node.subquery, outer.below(*before) if node.lateral else outer)
    item = _named(walk, node.alias, "", fields, start)
    return item if node.alias else Item((), item.fields, item.nodes)


def _function(walk: Walk, node: Syntax, names: Names) -> Item:
    """A function as a table: always lateral. Its columns are known only where they are listed."""
    visit(walk, node.functions, names)
    alias, listed = node.alias, [column.colname for column in node.coldeflist or ()]
    for _, definitions in node.functions:
        listed += [column.colname for column in definitions or ()]
    first = node.functions[0][0]
    name = alias.aliasname if alias else output_name(first)
    known = listed or strings(alias.colnames if alias else ()) or [name]
    if node.ordinality and not (alias and alias.colnames):
        known.append("ordinality")
    fields = tuple(Field(column) for column in known)
    named = Named(name, fields, open=not listed and not (alias and alias.colnames))
    return Item((named,), fields, (walk.ties.mark, walk.ties.mark))


def _other(walk: Walk, node: Syntax, names: Names) -> Item:
    """XMLTABLE, JSON_TABLE and what may come: nothing is known of its columns, and a relation inside is found not to be understood."""
    visit(walk, node, names)
    alias = getattr(node, "alias", None)
    return Item((Named(alias.aliasname if alias else "", (), open=True),), (), (walk.ties.mark, walk.ties.mark))


def _join(walk: Walk, node: Syntax, outer: Names, before: tuple[Item, ...]) -> Item:
    left = _item(walk, node.larg, outer, before)
    right = _item(walk, node.rarg, outer, (*before, left))
    both = (left.nodes[0], right.nodes[1])
    if node.isNatural:
        walk.problem(
            Kind.UNCLEAR,
            "a NATURAL JOIN",
            "it compares whatever columns the tables happen to share: list them with USING",
        )
    # An outer join keeps unmatched rows of one side: its condition says nothing about them.
    within: Range = {
        JoinType.JOIN_INNER: both,
        JoinType.JOIN_LEFT: right.nodes,
        JoinType.JOIN_RIGHT: left.nodes,
    }.get(node.jointype, (0, 0))
    names = outer.below(left, right)
    tie(walk, node.quals, names, within)
    visit(walk, node.quals, names)
    merged = _merged(walk, node, left, right, within)
    return _joined(walk, node, left, right, merged)


def _merged(walk: Walk, node: Syntax, left: Item, right: Item, within: Range) -> Fields:
    """The columns of USING: equal on both sides, and visible as the side's that no outer join leaves out."""
    merged: list[Field] = []
    for name in strings(node.usingClause):
        one, other = _using(walk, name, left), _using(walk, name, right)
        if one.node is not None and other.node is not None:
            walk.ties.equal(one.node, other.node, within)
        kept = {JoinType.JOIN_FULL: None, JoinType.JOIN_RIGHT: other.node}.get(node.jointype, one.node)
        merged.append(Field(name, kept))
    return tuple(merged)


def _using(walk: Walk, name: str, side: Item) -> Field:
    found = [one for one in side.fields if one.name == name]
    if len(found) == 1:
        return found[0]
    if found or not any(one.open for one in side.relations):
        walk.problem(Kind.UNRESOLVED, f"USING ({name})", "one side of the join has no such column, or more than one")
    return Field(name)


def _joined(walk: Walk, node: Syntax, left: Item, right: Item, merged: Fields) -> Item:
    names = {one.name for one in merged}
    rest = tuple(one for one in (*left.fields, *right.fields) if one.name not in names)
    nodes = (left.nodes[0], right.nodes[1])
    if node.alias:
        fields = walk.renamed(node.alias, (*merged, *rest))
        unknown = any(one.open for one in (*left.relations, *right.relations))
        return Item((Named(node.alias.aliasname, fields, open=unknown),), fields, nodes)
    relations = (*left.relations, *right.relations)
    if node.join_using_alias:
        relations = (*relations, Named(node.join_using_alias.aliasname, merged))
    return Item(relations, (*merged, *rest), nodes)
