"""Erasing a workspace from one service: the tombstone, what erases row by row, and the worker that carries it on and answers.

From its tombstone on nothing can be added for the workspace: the database's own triggers refuse it in the transaction that tries
(migrations/pre/0190_tombstones.sql, docs/decisions/0014). Not for: when a workspace is erased, and who asked for it; that is retention's.
"""

from messaging.erasure.eraser import Eraser, Folder
from messaging.erasure.following import follow_erasures, follow_receipts
from messaging.erasure.store import Tombstone
from messaging.erasure.worker import Erasing, Part

__all__ = ["Eraser", "Erasing", "Folder", "Part", "Tombstone", "follow_erasures", "follow_receipts"]
