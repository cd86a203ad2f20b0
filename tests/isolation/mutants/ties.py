"""Mutants of the predicates that tie a relation to the scope.

Each takes *all* ties of one relation away and puts something in the place of one of them that does not tie it, so that nothing is left
from which the tie would follow: such a statement reads other workspaces' rows for certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from database.queries import SCOPE_PARAMETER
from isolation.mutants.draft import Draft, Level, Node, Relation, expression, is_scope_tie, is_tie, rewrite, text
from isolation.mutants.rotation import rotated

WEAKENINGS: Mapping[str, str] = {
    "drop the ties": "",
    "negate": "NOT ({tie})",
    "unequal": "{column} <> {scope}",
    "at least": "{column} >= {scope}",
    "at most": "{column} <= {scope}",
    "like with a wildcard": "{column} LIKE {scope} || '%'",
    "like in any case": "{column} ILIKE {scope}",
    "regular expression": "{column} ~ {scope}",
    "is distinct from": "{column} IS DISTINCT FROM {scope}",
    "or true": "({tie}) OR true",
    "or is not null": "({tie}) OR {column} IS NOT NULL",
    "or no scope": "({tie}) OR {scope} IS NULL",
    "or another parameter": "({tie}) OR {column} = {stranger}",
    "in a list": "{column} IN ({scope}, 'org_b')",
    "any of an array": "{column} = ANY (ARRAY[{scope}, 'org_b'])",
    "between": "{column} BETWEEN {scope} AND 'org_z'",
    "column with itself": "{column} = {column}",
    "scope with itself": "{scope} = {scope}",
    "literal": "{column} = 'org_b'",
    "new parameter": "{column} = {stranger}",
    "lower case": "lower({column}) = lower({scope})",
    "prefix": "left({column}, 4) = left({scope}, 4)",
    "function": "replace({column}, {column}, {scope}) = {scope}",
    "tie is not null": "({tie}) IS NOT NULL",
    "tie with itself": "({tie}) = ({tie})",
    "row comparison": "ROW({column}, 1) >= ROW({scope}, 0)",
    "case": "CASE WHEN {tie} THEN true ELSE true END",
    "coalesce the tie": "coalesce(nullif({tie}, false), true)",
    "coalesce the scope": "{column} = coalesce(nullif({scope}, {scope}), {column})",
    "tie of a subquery": "{column} = (SELECT max(x.workspace_id) FROM {table} x)",
    "tie in a subquery": "{column} IN (SELECT x.workspace_id FROM {table} x)",
    "tie of somebody else": "EXISTS (SELECT FROM {table} x WHERE x.workspace_id = {scope})",
}
"""What stands in the place of a tie, by operator."""

EVERYWHERE = frozenset({"drop the ties", "negate", "unequal", "or true", "in a list", "tie in a subquery"})

PARAMETERS = 1
"""To how many of a statement's other parameters a relation is tied instead, and with how many the scope changes places."""


def tie_mutants(draft: Draft, level: int, place: int) -> Iterator[tuple[str, str]]:
    """Operator and text of each mutant of the ties of one relation, named by its position. Each is made from a fresh tree."""
    turn = f"{draft.statement.name} {level} {place}"
    weakenings = rotated(WEAKENINGS, EVERYWHERE, turn)
    templates = {**weakenings, **_other_columns(draft, level, place), **_other_parameters(draft)}
    for operator, template in templates.items():
        fresh = Draft.of(draft.statement, draft.columns)
        if _weaken(fresh, fresh.levels()[level], place, template):
            yield operator, fresh.text()


def _other_columns(draft: Draft, level: int, place: int) -> dict[str, str]:
    relation = draft.levels()[level].relations[place]
    other = next((name for name in draft.columns[relation.table] if name != SCOPE_PARAMETER), SCOPE_PARAMETER)
    return {
        "another column": f"{{column}} = {relation.column(other)}::text",
        "scope with another column": f"{relation.column(other)}::text = {{scope}}",
    }


def _other_parameters(draft: Draft) -> dict[str, str]:
    return {f"parameter {number}": f"{{column}} = {number}" for number in draft.others[:PARAMETERS]}


def _weaken(draft: Draft, level: Level, place: int, template: str) -> bool:
    """Put `template` in the place of one tie of the relation, and drop the others; False when it has no tie here."""
    relation = level.relations[place]
    ties = _ties(level, relation, draft.scope)
    if not ties:
        return False
    first = next((tie for tie in ties if is_scope_tie(tie, relation, draft.scope)), ties[0])
    instead = expression(_filled(draft, relation, first, template)) if template else None

    def change(part: Node) -> Node | None:
        if not is_tie(part, relation, draft.scope):
            return part
        return instead if part is first else None

    rewrite(level.node, change)
    for other in draft.levels():
        if other.node is not level.node:
            rewrite(other.node, lambda part: None if _reaches(part, relation, draft.scope) else part)
    return True


def _filled(draft: Draft, relation: Relation, tie: Node, template: str) -> str:
    column = relation.column() if not relation.alone else SCOPE_PARAMETER
    return template.format(
        tie=text(tie), column=column, scope=draft.scope, stranger=draft.stranger, table=relation.table
    )


def _ties(level: Level, relation: Relation, scope: str) -> list[Node]:
    found: list[Node] = []

    def note(part: Node) -> Node:
        if is_tie(part, relation, scope):
            found.append(part)
        return part

    rewrite(level.node, note)
    return found


def _reaches(part: Node, relation: Relation, scope: str) -> bool:
    """Whether a part of another level ties the relation as well, by its alias."""
    return is_tie(part, Relation(relation.alias, relation.table, alone=False), scope)
