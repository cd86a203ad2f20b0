"""Recognises what asyncpg asks on its own account: the types that it does not know yet, and the JIT setting around that question.

Recognised by what a statement reads, not by how it begins: nothing but the catalog's tables of types, and no function with an effect
other than on `jit`.
"""

from __future__ import annotations

from pglast import ast, parse_sql
from pglast.enums import TransactionStmtKind
from pglast.parser import ParseError
from pglast.visitors import Visitor

_TYPE_TABLES = frozenset({"pg_attribute", "pg_class", "pg_namespace", "pg_range", "pg_type"})
_PURE_FUNCTIONS = frozenset({"array_agg"})
_SETTING_FUNCTIONS = frozenset({"current_setting", "set_config"})
_CONTROL = (
    TransactionStmtKind.TRANS_STMT_BEGIN,
    TransactionStmtKind.TRANS_STMT_COMMIT,
    TransactionStmtKind.TRANS_STMT_ROLLBACK,
)

# Whatever writes, locks or calls into more than a query does.
_NOT_READING = (
    ast.InsertStmt,
    ast.UpdateStmt,
    ast.DeleteStmt,
    ast.MergeStmt,
    ast.IntoClause,
    ast.LockingClause,
    ast.CallStmt,
)


class _Seen(Visitor):
    """What a statement reads and calls."""

    def __init__(self) -> None:
        self.relations: set[tuple[str, str]] = set()
        self.ctes: set[str] = set()
        self.functions: set[str] = set()
        self.settings: set[str] = set()
        self.only_reads = True

    def visit(self, _: object, node: ast.Node) -> None:
        """Called for every node without a method of its own."""
        if isinstance(node, _NOT_READING):
            self.only_reads = False

    def visit_RangeVar(self, _: object, node: ast.RangeVar) -> None:  # noqa: N802 - pglast's name for it
        self.relations.add((node.schemaname or "", node.relname or ""))

    def visit_CommonTableExpr(self, _: object, node: ast.CommonTableExpr) -> None:  # noqa: N802 - pglast's name for it
        self.ctes.add(node.ctename or "")

    def visit_FuncCall(self, _: object, node: ast.FuncCall) -> None:  # noqa: N802 - pglast's name for it
        name = (node.funcname or ())[-1].sval
        if name not in _SETTING_FUNCTIONS:
            self.functions.add(name)
            return
        first = (node.args or (None,))[0]
        constant = isinstance(first, ast.A_Const) and isinstance(first.val, ast.String)
        self.settings.add(first.val.sval if constant else "")


def _seen(text: str) -> _Seen | None:
    """What the one SELECT in `text` reads; None when it is anything else."""
    try:
        statements = parse_sql(text)
    except ParseError:
        return None
    if len(statements) != 1 or not isinstance(statements[0].stmt, ast.SelectStmt):
        return None
    seen = _Seen()
    seen(statements)
    return seen


def is_of_asyncpg(text: str) -> bool:
    """Whether `text` reads types, or reads or sets `jit`, and does nothing else."""
    seen = _seen(text)
    if seen is None or not seen.only_reads:
        return False
    about_types = all(
        (schema in {"", "pg_catalog"} and name in _TYPE_TABLES) or (not schema and name in seen.ctes)
        for schema, name in seen.relations
    )
    something = bool(seen.relations or seen.settings)
    return about_types and something and seen.functions <= _PURE_FUNCTIONS and seen.settings <= {"jit"}


def reads_the_catalog_only(text: str) -> bool:
    """Whether each relation in `text` is named with the schema `pg_catalog`, or is a CTE of its own."""
    seen = _seen(text)
    if seen is None or not seen.only_reads:
        return False
    return all(schema == "pg_catalog" or (not schema and name in seen.ctes) for schema, name in seen.relations)


def is_transaction_control(text: str) -> bool:
    """Whether `text` is one BEGIN, COMMIT or ROLLBACK."""
    try:
        statements = parse_sql(text)
    except ParseError:
        return False
    if len(statements) != 1:
        return False
    statement = statements[0].stmt
    return isinstance(statement, ast.TransactionStmt) and statement.kind in _CONTROL
