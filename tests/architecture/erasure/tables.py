"""Tables and columns as the live catalog has them, beside the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from architecture.erasure.people import of_person
from architecture.erasure.rules import ReportScope, Rules, Table

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

# Whatever keeps rows, in any schema. A partition has its parent's columns and is emptied with it; one that is detached is a table of its
# own, and so is one that only inherits, for it may have more columns.
_KEPT = """
SELECT CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name,
       CASE c.relkind WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table' END AS unfit,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull ORDER BY a.attnum) AS required
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1
"""

_POINTS = """
SELECT DISTINCT t.relname::text AS name, f.relname::text AS target
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND k.conrelid <> k.confrelid AND NOT t.relispartition AND NOT f.relispartition
ORDER BY 1, 2
"""

WORKSPACE = "workspace_id"

_ENTER = "say in erasure.yaml beside the migrations what becomes of it (docs/erasure.md)"


@dataclass(frozen=True, slots=True)
class Found:
    """A relation that keeps rows. `unfit` names a kind that no erasure can empty; '' for a table."""

    columns: tuple[str, ...]
    required: frozenset[str] = frozenset()
    unfit: str = ""


async def unruled(connection: Connection, rules: Rules) -> list[str]:
    """What has no rule, whose rule cannot hold, and which rule has nothing; one readable line each. Any role may read the catalog."""
    found = {
        row["name"]: Found(tuple(row["columns"]), frozenset(row["required"]), row["unfit"] or "")
        for row in await connection.fetch(_KEPT)
    }
    pointing = await points(connection)
    of_report = [] if rules.report is None else _of_report(found, rules, rules.report, pointing)
    of_people = of_person({name: one.columns for name, one in found.items()}, rules)
    return [*_compared(found, rules.tables), *_out_of_order(pointing, rules.tables), *of_report, *of_people]


async def points(connection: Connection) -> list[tuple[str, str]]:
    """Which tables have rows that point to rows of which others."""
    return [(row["name"], row["target"]) for row in await connection.fetch(_POINTS)]


def _compared(found: Mapping[str, Found], rules: Mapping[str, Table]) -> Iterator[str]:
    for name, one in found.items():
        if one.unfit:
            yield f"{name}: is {one.unfit}, which keeps rows that nothing deletes; there must be none"
        elif name not in rules:
            yield f"{name}: has no rule; {_ENTER}"
        else:
            problems = (*_of_columns(one, rules[name]), *_of_end(one, rules[name]))
            yield from (f"{name}: {problem}" for problem in problems)
    for name in rules.keys() - found.keys():
        yield f"{name}: has a rule and is no longer there; remove the rule"


def _of_columns(one: Found, rule: Table) -> Iterator[str]:
    present = set(one.columns) - {WORKSPACE}
    for column in sorted(present - set(rule.columns)):
        yield f"column {column} has no rule; {_ENTER}"
    for column in sorted(set(rule.columns) - present):
        yield f"column {column} has a rule and is no longer there; remove it from the rule"
    for column in sorted(name for name, count in Counter(rule.columns).items() if count > 1):
        yield f"column {column} stands in its rule twice"


def _of_end(one: Found, rule: Table) -> Iterator[str]:
    """What contradicts the end that the rule names."""
    tenant = WORKSPACE in one.columns
    if rule.end == "nobodys" and tenant:
        yield "has a workspace_id, so its rows are somebody's"
    if rule.end != "nobodys" and not tenant:
        yield "has no workspace_id, so nothing can tell whose its rows are"
    if rule.end != "deleted" and not rule.because.strip():
        yield f"is {rule.end}; its rule must say why (because)"
    if rule.end in {"kept", "nobodys"} and rule.telling:
        yield f"stays, with {', '.join(rule.telling)}, which must not"
    if rule.end == "emptied":
        if not rule.telling:
            yield "is emptied, and has nothing to empty"
        for column in sorted(one.required & set(rule.telling)):
            yield f"column {column} is to be emptied and may not be null"


def _out_of_order(pairs: list[tuple[str, str]], rules: Mapping[str, Table]) -> Iterator[str]:
    """Rows that could not be deleted, for others point to them still."""
    places = {name: place for place, name in enumerate(rules)}
    for name, target in pairs:
        if name not in rules or target not in rules or rules[target].end != "deleted":
            continue
        if rules[name].end != "deleted":
            yield f"{name}: stays and points to {target}, which is deleted"
        elif places[name] > places[target]:
            yield f"{name}: points to {target} and is deleted after it; its rule has to stand before"


_OF_A_REPORT = frozenset({"run_id", "report_id"})


def _of_report(
    found: Mapping[str, Found], rules: Rules, scope: ReportScope, pairs: list[tuple[str, str]]
) -> Iterator[str]:
    """What has no rule for the erasure of one report, and which rule cannot hold."""
    for name, one in found.items():
        if name not in scope.erased and not scope.stays.get(name, "").strip():
            yield f"{name}: has no rule for the erasure of one report; enter it under report in erasure.yaml (docs/erasure.md)"
        elif name in scope.erased and name in scope.stays:
            yield f"{name}: has two rules for the erasure of one report"
        elif name in scope.erased and scope.erased[name] not in one.columns:
            yield f"{name}: is erased with a report by {scope.erased[name]}, a column that it has not"
        elif (
            name in scope.stays
            and _OF_A_REPORT & set(one.columns)
            and name in rules.tables
            and rules.tables[name].telling
        ):
            yield f"{name}: stays where a report is erased, and holds {', '.join(rules.tables[name].telling)} of it"
    for name in (scope.erased.keys() | scope.stays.keys()) - found.keys():
        yield f"{name}: has a rule for the erasure of one report and is no longer there; remove the rule"
    places = {name: place for place, name in enumerate(scope.erased)}
    for name, target in pairs:
        if target in places and places.get(name, len(places)) > places[target]:
            yield f"{name}: points to {target}, which is erased with a report, and does not go before it"
