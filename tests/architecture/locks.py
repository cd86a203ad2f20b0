"""Which statements of a migration lock a table for as long as it takes to read it.

PostgreSQL's own grammar says what a statement is; what it locks is in its manual ("Explicit Locking", "ALTER TABLE"). A table that the same
file makes is empty, so that nothing done to it takes long. A lock is kept until the transaction ends, and a file is one transaction unless
it says `-- transactional: false`: what follows ALTER TABLE keeps people out for as long as it takes, too. Blocks of PL/pgSQL are looked at
for words alone, for what they execute may be put together when they run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pglast import ast, parse_sql
from pglast.enums import AlterTableType, ConstrType
from pglast.visitors import referenced_relations

# Adding one of these reads every row, unless it is told not to look at what is there (NOT VALID) or finds an index made before.
_CHECKED = {ConstrType.CONSTR_CHECK: "CHECK", ConstrType.CONSTR_FOREIGN: "FOREIGN KEY"}
_INDEXED = {
    ConstrType.CONSTR_UNIQUE: "UNIQUE",
    ConstrType.CONSTR_PRIMARY: "PRIMARY KEY",
    ConstrType.CONSTR_EXCLUSION: "EXCLUDE",
}


# Each writes the table anew, or reads the whole of it.
_WHOLE = {
    AlterTableType.AT_AlterColumnType: "ALTER COLUMN TYPE",
    AlterTableType.AT_SetTableSpace: "SET TABLESPACE",
    AlterTableType.AT_SetLogged: "SET LOGGED",
    AlterTableType.AT_SetUnLogged: "SET UNLOGGED",
    AlterTableType.AT_SetAccessMethod: "SET ACCESS METHOD",
    AlterTableType.AT_AttachPartition: "ATTACH PARTITION",
}

_TRANSACTIONAL = re.compile(r"^--\s*transactional:\s*false", re.MULTILINE)
_CHANGES_ROWS = re.compile(
    r"\b(UPDATE\s+\w|DELETE\s+FROM|INSERT\s+INTO|CREATE\s+(UNIQUE\s+)?INDEX|VALIDATE\s|SET\s+NOT\s+NULL)", re.IGNORECASE
)

_LONG = (ast.UpdateStmt, ast.DeleteStmt, ast.IndexStmt)
_WORDS = {
    ast.UpdateStmt: "rows are changed",
    ast.DeleteStmt: "rows are deleted",
    ast.InsertStmt: "rows are copied",
    ast.IndexStmt: "an index is made",
    ast.AlterTableStmt: "VALIDATE CONSTRAINT",
}

# What locks a table until the end of the file's transaction.
_LOCKING = (ast.AlterTableStmt, ast.CreateTrigStmt, ast.CreatePolicyStmt)


def long_locks(text: str) -> list[str]:
    """What is wrong with a migration's text, and what to write instead."""
    statements = [raw.stmt for raw in parse_sql(text) if raw.stmt is not None]
    made = {_table(one.relation) for one in statements if isinstance(one, ast.CreateStmt)}
    found = [problem for one in statements for problem in _problems(one, made)]
    return found if _TRANSACTIONAL.search(text) else [*found, *_kept(statements, made)]


def _kept(statements: list[ast.Node], made: set[str]) -> Iterator[str]:
    """Statements that take long, after one whose lock is kept until they are done."""
    locked = ""
    for one in statements:
        if locked and _takes_long(one, made):
            yield f"{_WORDS[type(one)]} while {locked} is locked by what came before: in a file of its own"
        locked = locked or _locked(one, made)


def _locked(statement: ast.Node, made: set[str]) -> str:
    """The table that it keeps people out of until the end of the file; empty for none. Validating lets them in."""
    if not isinstance(statement, _LOCKING) or _validates(statement):
        return ""
    table = _table(statement.table if isinstance(statement, ast.CreatePolicyStmt) else statement.relation)
    return "" if table in made else table


def _validates(statement: ast.Node) -> bool:
    kinds = {command.subtype for command in getattr(statement, "cmds", None) or ()}
    return kinds == {AlterTableType.AT_ValidateConstraint}


def _takes_long(statement: ast.Node, made: set[str]) -> bool:
    """Whether it reads or writes rows of a table that was there before: rows that are written out, or a table of its own, take no time."""
    if isinstance(statement, ast.AlterTableStmt):
        return any(command.subtype == AlterTableType.AT_ValidateConstraint for command in statement.cmds or ())
    if isinstance(statement, ast.InsertStmt):
        return bool(statement.selectStmt and referenced_relations(statement.selectStmt))
    return isinstance(statement, _LONG) and _table(statement.relation) not in made


def _problems(statement: ast.Node, made: set[str]) -> Iterator[str]:
    if isinstance(statement, ast.ClusterStmt | ast.ReindexStmt):
        yield "CLUSTER and REINDEX lock the table: use REINDEX CONCURRENTLY outside a migration"
    if isinstance(statement, ast.DoStmt) and (changed := _CHANGES_ROWS.search(_body(statement))):
        yield f"{changed[0].strip()} in a block: of which table, and how many rows, is not known; write the statement out"
    if not isinstance(statement, ast.IndexStmt | ast.AlterTableStmt | ast.UpdateStmt | ast.DeleteStmt):
        return
    table = _table(statement.relation)
    if table in made:
        return
    if isinstance(statement, ast.IndexStmt):
        if not statement.concurrent:
            yield f"CREATE INDEX on {table}: nobody can write meanwhile; make it CONCURRENTLY"
    elif isinstance(statement, ast.AlterTableStmt):
        for command in statement.cmds or ():
            yield from _altered(table, command)
    elif statement.whereClause is None:
        yield f"all rows of {table} are changed in one transaction: do it in batches, from the service"


def _body(block: ast.DoStmt) -> str:
    return " ".join(one.arg.sval for one in block.args or () if one.defname == "as")


def _table(relation: ast.RangeVar | None) -> str:
    return str(relation.relname) if relation else ""


def _altered(table: str, command: ast.AlterTableCmd) -> Iterator[str]:
    kind = command.subtype
    if kind == AlterTableType.AT_SetNotNull:
        yield f"SET NOT NULL on {table} reads every row: a CHECK that is validated first spares it"
    if kind in _WHOLE:
        yield f"{_WHOLE[kind]} reads or writes the whole of {table}: make what is wanted beside it"
    if isinstance(command.def_, ast.Constraint):
        yield from _constrained(table, command.def_)
    if isinstance(command.def_, ast.ColumnDef) and kind == AlterTableType.AT_AddColumn:
        for constraint in command.def_.constraints or ():
            if constraint.contype in {ConstrType.CONSTR_GENERATED, ConstrType.CONSTR_IDENTITY} | _INDEXED.keys():
                yield f"ADD COLUMN to {table} with what has to be worked out for every row"
            if constraint.contype in _CHECKED:
                yield f"{_CHECKED[constraint.contype]} with a new column of {table} reads every row: add it NOT VALID afterwards"
            if constraint.contype == ConstrType.CONSTR_DEFAULT and _calls(constraint.raw_expr):
                yield f"ADD COLUMN to {table} with a default that is worked out for each row writes it anew"


def _constrained(table: str, constraint: ast.Constraint) -> Iterator[str]:
    if constraint.contype in _CHECKED and not constraint.skip_validation:
        yield f"{_CHECKED[constraint.contype]} on {table} reads every row: add it NOT VALID, validate it in a later step"
    if constraint.contype in _INDEXED and not constraint.indexname:
        yield f"{_INDEXED[constraint.contype]} on {table} makes an index: make it CONCURRENTLY before, and use it"


def _calls(expression: ast.Node | None) -> bool:
    """Whether a default is more than a constant; now() is one, for it is worked out once."""
    if isinstance(expression, ast.TypeCast):
        return _calls(expression.arg)
    if isinstance(expression, ast.FuncCall):
        return (expression.funcname or ())[-1].sval not in {"now", "transaction_timestamp"}
    return not isinstance(expression, ast.A_Const | ast.SQLValueFunction)
