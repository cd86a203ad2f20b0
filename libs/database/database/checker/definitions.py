"""Views and functions: the part of the SQL that stands in migrations and that statements call by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pglast import ast, parse_sql
from pglast.enums import SetOperation
from pglast.parser import ParseError

from database.checker.catalog import SYSTEM_SCHEMAS, Catalog, Relation
from database.checker.functions import of_function
from database.checker.names import Fields
from database.checker.nodes import Syntax, all_of, is_a, strings
from database.checker.problems import THE_DATABASE, Finding, Kind, Problem
from database.checker.statements import walk_through
from database.checker.ties import Node


def check_definitions(catalog: Catalog) -> list[Problem]:
    """What is wrong with the views and functions of a live database; empty when they are in order."""
    found: list[Problem] = []
    for view in catalog.relations.values():
        if view.definition is not None:
            findings: Sequence[Finding] = workspace_of_view(catalog, view)[1]
            found += _problems(f"{view.kind} {view.schema}.{view.name}", findings)
    for functions in catalog.functions.values():
        for function in functions:
            if function.schema not in SYSTEM_SCHEMAS:
                found += _problems(f"function {function.schema}.{function.name}", of_function(catalog, function))
    return found


def _problems(name: str, findings: Sequence[Finding]) -> list[Problem]:
    return [Problem(name, THE_DATABASE, 0, one.relation, one.missing, one.kind) for one in findings]


@lru_cache(maxsize=4096)
def workspace_of_view(catalog: Catalog, view: Relation) -> tuple[str | None, Sequence[Finding]]:
    """The column of a view that says whose a row is, and what is wrong with its definition.

    There is none when the view shows no tenant table. When it does, the column has to be such that everything inside is tied once the
    column is, and each row of the view has to be made of rows of one workspace.
    """
    try:
        (raw,) = parse_sql(view.definition or "")
    except (ParseError, ValueError) as error:
        return None, (Finding(Kind.UNPARSED, view.name, f"its definition does not parse ({error.args[0]})"),)
    walk, columns = walk_through(raw.stmt, catalog, workspace_of_view)
    findings = list(walk.findings)
    if not walk.claims:
        return None, tuple(findings)
    if view.kind == "materialized view":
        findings.append(
            Finding(
                Kind.DEFINITION,
                view.name,
                "a materialized view holds all workspaces' rows, and no row policy restrains it",
            )
        )
    elif not view.security_invoker:
        findings.append(
            Finding(Kind.DEFINITION, view.name, "it is not security_invoker, so it shows what its owner may see")
        )
    for place, column in enumerate(columns):
        source = None if column.node is None else walk.ties.source_of(column.node)
        if source is None or not _ties_all(walk.ties.tied({source}), [claim.node for claim in walk.claims]):
            continue
        if _made_of_one_workspace(raw.stmt, place, columns):
            return view.columns[place].name, tuple(findings)
    findings.append(
        Finding(Kind.DEFINITION, view.name, "no column of it says whose a row is and ties each table inside")
    )
    return None, tuple(findings)


def _ties_all(tied: frozenset[Node], nodes: Sequence[Node | None]) -> bool:
    return all(node in tied for node in nodes)


def _made_of_one_workspace(select: Syntax, place: int, columns: Fields) -> bool:
    """Whether a condition on the column at `place` picks the rows before anything is counted, cut off or combined."""
    plain = (
        is_a(select, ast.SelectStmt)
        and select.op == SetOperation.SETOP_NONE
        and not (select.limitCount or select.limitOffset or select.valuesLists)
        and not any(is_a(one, ast.Node) for one in select.distinctClause or ())
        and not any(call.over for call in all_of(select.targetList, ast.FuncCall))
        and len(select.targetList) == len(columns)
    )
    if not plain or not select.groupClause:
        return bool(plain)
    wanted = _path(select.targetList[place].val)
    return wanted is not None and any(_path(item) == wanted for item in select.groupClause)


def _path(expression: Syntax) -> list[str] | None:
    if is_a(expression, ast.ColumnRef) and all(is_a(part, ast.String) for part in expression.fields):
        return strings(expression.fields)
    return None
