"""Checks one named statement."""

from __future__ import annotations

from pglast import parse_sql
from pglast.parser import ParseError

from database.checker.catalog import Catalog
from database.checker.definitions import workspace_of_view
from database.checker.problems import Finding, Kind, Problem
from database.checker.statements import walk_through
from database.queries import SCOPE_PARAMETER, Statement

# What a statement that enters a scope is called.
ENTERING = "_enter"


def check(statement: Statement, catalog: Catalog) -> list[Problem]:
    """What is wrong with `statement`, resolved against `catalog`; empty when it is in order.

    One that declares to cross workspaces needs no ties; it is still parsed, resolved and of an allowed kind.
    """
    return [
        Problem(statement.name, statement.file, statement.line, one.relation, one.missing, one.kind)
        for one in _findings(statement, catalog)
    ]


def _findings(statement: Statement, catalog: Catalog) -> list[Finding]:
    try:
        tree = parse_sql(statement.sql)
    except ParseError as error:
        return [Finding(Kind.UNPARSED, "the statement", f"it does not parse ({error.args[0]})")]
    if len(tree) != 1:
        return [Finding(Kind.NOT_ALLOWED, "the statement", f"it is {len(tree)} statements, not one")]
    known = statement.parameters
    walk, _ = walk_through(
        tree[0].stmt,
        catalog,
        workspace_of_view,
        scope=known.index(SCOPE_PARAMETER) + 1 if SCOPE_PARAMETER in known else None,
        crossing=statement.crosses_workspaces,
        entering=statement.name.endswith(ENTERING),
    )
    return list(walk.results())
