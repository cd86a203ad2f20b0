"""The scope checker: every statement must tie each tenant table it names to the scope, at every query level, by equality.

    catalog = await read_catalog(connection)
    problems = check(statement, catalog) + check_definitions(catalog)

A column called `workspace_id` that merely occurs proves nothing. The checker parses the statement with PostgreSQL's own grammar
(pglast), resolves each name as PostgreSQL would against the live catalog, and follows equalities: `a.workspace_id = :workspace_id AND
b.workspace_id = a.workspace_id` ties both, the same under OR ties neither, the condition of an outer join ties only the side that the
join may leave out, and the column of a CTE or subquery is as good as what it was made from. What it cannot parse, resolve or account for
is a problem.

Not for: what a statement may touch (grants), or whether PostgreSQL takes it (tests prepare each one). Needs `database[checker]`.
"""

from database.checker.catalog import Catalog, Column, Function, Relation
from database.checker.checking import check
from database.checker.definitions import check_definitions
from database.checker.problems import Kind, Problem
from database.checker.reading import read_catalog

__all__ = [
    "Catalog",
    "Column",
    "Function",
    "Kind",
    "Problem",
    "Relation",
    "check",
    "check_definitions",
    "read_catalog",
]
