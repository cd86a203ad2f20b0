"""Which statements of a migration lock a table for as long as it takes to read it.

PostgreSQL's own grammar says what a statement is; what it locks is in its manual ("Explicit Locking", "ALTER TABLE"). A table that the same
file makes is empty, so that nothing done to it takes long. Blocks of PL/pgSQL are looked at for what they execute as text is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def long_locks(text: str) -> list[str]:
    """What is wrong with a migration's text, and what to write instead."""
    statements = [raw.stmt for raw in parse_sql(text) if raw.stmt is not None]
    made = {_table(one.relation) for one in statements if isinstance(one, ast.CreateStmt)}
    return [*(problem for one in statements for problem in _problems(one, made)), *_copied(statements, made)]


def _copied(statements: Sequence[ast.Node], made: set[str]) -> Iterator[str]:
    """Rows that are copied while a table is locked by what stands before: the lock is held until the end of the file's transaction."""
    locked = ""
    for one in statements:
        if isinstance(one, ast.AlterTableStmt | ast.CreateTrigStmt):
            locked = locked or "".join({_table(one.relation)} - made)
        elif isinstance(one, ast.CreatePolicyStmt):
            locked = locked or "".join({_table(one.table)} - made)
        elif locked and isinstance(one, ast.InsertStmt) and one.selectStmt and _reads(one.selectStmt):
            yield f"rows are copied while {locked} is locked: copy them in a migration of their own, which only reads and adds"


def _reads(statement: ast.Node) -> bool:
    """Whether rows come from a table, rather than being written out."""
    return bool(referenced_relations(statement))


def _problems(statement: ast.Node, made: set[str]) -> Iterator[str]:
    if isinstance(statement, ast.ClusterStmt | ast.ReindexStmt):
        yield "CLUSTER and REINDEX lock the table: use REINDEX CONCURRENTLY outside a migration"
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


def _table(relation: ast.RangeVar | None) -> str:
    return str(relation.relname) if relation else ""


def _altered(table: str, command: ast.AlterTableCmd) -> Iterator[str]:
    kind = command.subtype
    if kind == AlterTableType.AT_SetNotNull:
        yield f"SET NOT NULL on {table} reads every row: a CHECK that is validated first spares it"
    if kind == AlterTableType.AT_AlterColumnType:
        yield f"ALTER COLUMN TYPE writes {table} anew: add a column beside it"
    if isinstance(command.def_, ast.Constraint):
        yield from _constrained(table, command.def_)
    if isinstance(command.def_, ast.ColumnDef) and kind == AlterTableType.AT_AddColumn:
        for constraint in command.def_.constraints or ():
            if constraint.contype == ConstrType.CONSTR_GENERATED or constraint.contype in _INDEXED:
                yield f"ADD COLUMN to {table} with what has to be worked out for every row"
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
