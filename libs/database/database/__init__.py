"""The only way to a table: transactions that belong to one workspace, statements that have a name and live in `.sql` files.

    async with db.workspace(workspace_id) as tx:
        rows = await tx.fetch("entries_page", limit=50)

Not for: what a statement means (that is a service's `store.py`).
"""

from database.connect import DatabaseSettings
from database.ids import as_read
from database.migrations import MigrationSettings, migrate
from database.pool import Batch, Database, NotCommitted, UnsafeRole
from database.queries import Queries, Statement
from database.transaction import Row, Tx

__all__ = [
    "Batch",
    "Database",
    "DatabaseSettings",
    "MigrationSettings",
    "NotCommitted",
    "Queries",
    "Row",
    "Statement",
    "Tx",
    "UnsafeRole",
    "as_read",
    "migrate",
]
